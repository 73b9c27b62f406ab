"""Optimality gap: the fraction of the ceiling that a mean score lacks."""

from typing import Any

import numpy as np
import pandas as pd

from daf.stats.estimate import Ceilings, UnitValues, collect_unit_values, estimate_unit_values_mean


def estimate_optimality_gap(
    policy_episodes: pd.DataFrame, unit_values: UnitValues, ceilings: Ceilings, confidence: float
) -> dict[str, Any]:
    """Estimate the optimality gap of one policy with its interval.

    1 - mean(score / ceiling) with equal weights of the missions, and the t interval of that mean
    (Agarwal et al. 2021).

    Args:
        policy_episodes: validated rows of the policy.
        unit_values: unit values of the policy.
        ceilings: ceiling of each mission.
        confidence: coverage of the interval.

    Returns:
        gap, gap_low, gap_high (None if unknown) and gap_note: the reason, or None.
    """
    empty = dict.fromkeys(("gap", "gap_low", "gap_high"))
    for mission, scores in unit_values.scores.items():
        ceiling = ceilings[mission]
        if ceiling is None:
            return empty | {"gap_note": f"{mission} has no known ceiling"}
        if np.nanmax(scores.to_numpy()) > ceiling:
            return empty | {"gap_note": f"a score on {mission} is above its ceiling"}
    rows = policy_episodes[policy_episodes["mission"].isin(list(unit_values.scores))]
    scaled = rows.assign(score=rows["score"] / rows["mission"].map(ceilings))
    mean = estimate_unit_values_mean(
        collect_unit_values(scaled, list(unit_values.scores), unit_values.unit), confidence
    )
    has_interval = mean["low"] is not None
    return {
        "gap": 1 - mean["mean"],
        "gap_low": max(1 - mean["high"], 0.0) if has_interval else None,
        "gap_high": 1 - mean["low"] if has_interval else None,
        "gap_note": None,
    }
