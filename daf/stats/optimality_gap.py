"""Optimality gap: the fraction of the ceiling that a mean score lacks."""

from typing import Any

import numpy as np

from daf.stats.estimate import Ceilings, MeanEstimate, UnitValues


def estimate_optimality_gap(
    estimate: MeanEstimate, unit_values: UnitValues, ceilings: Ceilings
) -> dict[str, Any]:
    """Return the optimality gap of one policy with its interval: 1 - mean / ceiling.

    Over several missions, scores are shares of the ceiling, and the gap is that of Agarwal et al.
    (2021).

    Args:
        estimate: mean of the policy; see `estimate.estimate_mean`.
        unit_values: unit values of the policy.
        ceilings: ceiling of each mission, in score units; equal for all missions.

    Returns:
        gap, gap_low, gap_high (None if unknown) and gap_note: the reason, or None.
    """
    empty = dict.fromkeys(("gap", "gap_low", "gap_high"))
    ceiling = None
    for mission, scores in unit_values.scores_by_mission.items():
        ceiling = ceilings[mission]
        if ceiling is None:
            return empty | {"gap_note": f"{mission} has no known ceiling"}
        if np.nanmax(scores.to_numpy()) > ceiling:
            return empty | {"gap_note": f"a score on {mission} is above its ceiling"}
    gap, gap_high, gap_low = (
        None if ceiling is None or estimate[key] is None else 1 - estimate[key] / ceiling
        for key in ("mean", "low", "high")
    )
    return {
        "gap": gap,
        "gap_low": None if gap_low is None else max(gap_low, 0.0),
        "gap_high": gap_high,
        "gap_note": None,
    }
