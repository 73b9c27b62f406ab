"""Performance profiles: fraction of episodes that reach each score."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

import numpy as np
import pandas as pd
from scipy import special

from daf.stats.estimate import SEED, Ceilings, UnitValues
from daf.stats.proportions import wilson_interval

POINTS = 41

Profile = dict[str, Any]
"""Profiles of some policies, in JSON types; see `compute_performance_profiles` for the keys."""


class ScoreProfiles(TypedDict):
    """Performance profiles of all missions.

    Attributes:
        overall: profiles over the shared missions; None for a single mission.
        missions: profiles of each mission.
    """

    overall: Profile | None
    missions: dict[str, Profile | None]


class _ProfileCurve(NamedTuple):
    """Performance profile of one policy.

    Attributes:
        fractions_by_threshold: fraction of episodes that reach each threshold, float64 [T].
        distance_to_low: distance to the lower bound, float64 [thresholds]; None for a single unit.
        distance_to_high: distance to the upper bound, likewise.
    """

    fractions_by_threshold: np.ndarray
    distance_to_low: np.ndarray | None
    distance_to_high: np.ndarray | None


def compute_performance_profiles(
    unit_values_by_policy: Mapping[str, UnitValues],
    confidence: float,
    ceilings_in_score_units: Ceilings,
) -> Profile | None:
    """Compute the fraction of episodes with at least each score, for scores from low to high.

    Performance profiles (Dolan and More 2002; Agarwal et al. 2021): a policy whose curve is
    everywhere above another one is better in every quantile. The fraction of a trained policy is
    the mean over its training seeds, with a t interval. The fraction of a fixed policy is over
    episodes, with Wilson's interval. The intervals are pointwise. Several missions have equal
    weights.

    Args:
        unit_values_by_policy: unit values of each policy, all on the same missions.
        confidence: coverage of the intervals.
        ceilings_in_score_units: ceiling of each mission, in score units; equal for all missions.

    Returns:
        thresholds [thresholds] (score units) and curves: [{policy, share, low, high}], each
        [thresholds], bounds None for a single unit. None over several missions without ceilings.
    """
    missions = list(next(iter(unit_values_by_policy.values())).scores_by_mission)
    ceiling = ceilings_in_score_units[missions[0]]
    if len(missions) > 1 and ceiling is None:
        return None
    thresholds = _choose_thresholds(unit_values_by_policy, ceiling)
    curves = [
        {"policy": policy}
        | _curve_to_json(_compute_profile_curve(unit_values, thresholds, confidence))
        for policy, unit_values in unit_values_by_policy.items()
    ]
    return {"thresholds": thresholds.tolist(), "curves": curves}


def _choose_thresholds(
    unit_values_by_policy: Mapping[str, UnitValues], ceiling: float | None
) -> np.ndarray:
    """Return thresholds from the lowest score, or 0, to the ceiling, or the highest score."""
    scores = [
        table.to_numpy()
        for unit_values in unit_values_by_policy.values()
        for table in unit_values.scores_by_mission.values()
    ]
    low = min(0.0, *(float(np.nanmin(values)) for values in scores))
    high = max(float(np.nanmax(values)) for values in scores)
    high = max(high, ceiling or low)
    return np.linspace(low, high if high > low else low + 1.0, POINTS)


def _compute_profile_curve(
    unit_values: UnitValues, thresholds: np.ndarray, confidence: float
) -> _ProfileCurve:
    fractions = {
        mission: _fractions_by_threshold_and_run(scores, thresholds)
        for mission, scores in unit_values.scores_by_mission.items()
    }
    if unit_values.unit == SEED and len(unit_values.strata) == 1:
        return _mean_curve_of_runs(np.mean(list(fractions.values()), axis=0), confidence)
    if unit_values.unit == SEED:
        curves = [_mean_curve_of_runs(values, confidence) for values in fractions.values()]
    else:
        curves = []
        for mission, values in fractions.items():
            fraction = values.mean(axis=1)
            low, high = wilson_interval(
                fraction, len(unit_values.scores_by_mission[mission]), confidence
            )
            curves.append(_ProfileCurve(fraction, fraction - low, high - fraction))
    fraction = np.mean([curve.fractions_by_threshold for curve in curves], axis=0)
    downs = [curve.distance_to_low for curve in curves if curve.distance_to_low is not None]
    ups = [curve.distance_to_high for curve in curves if curve.distance_to_high is not None]
    if len(downs) < len(curves):
        return _ProfileCurve(fraction, None, None)
    # Distances to the bounds of independent estimates add in quadrature (`mover_interval`).
    down, up = (np.sqrt(sum(side**2 for side in sides)) / len(curves) for sides in (downs, ups))
    return _ProfileCurve(fraction, down, up)


def _fractions_by_threshold_and_run(scores: pd.DataFrame, thresholds: np.ndarray) -> np.ndarray:
    """Return the fraction of each run's episodes with at least each score [thresholds, runs]."""
    columns = []
    for run in scores.columns:
        ordered = np.sort(scores[run].dropna().to_numpy())
        # The tolerance lets a score of 0.3 reach the threshold 0.1 + 0.2.
        below = np.searchsorted(ordered, thresholds - 1e-9 * np.abs(thresholds).max(), "left")
        columns.append(1 - below / len(ordered))
    return np.array(columns).T


def _mean_curve_of_runs(fractions: np.ndarray, confidence: float) -> _ProfileCurve:
    """Return the mean of the fractions [thresholds, runs] over the runs, with t intervals."""
    n = fractions.shape[1]
    mean = fractions.mean(axis=1)
    if n < 2:
        return _ProfileCurve(mean, None, None)
    t = special.stdtrit(n - 1, (1 + confidence) / 2)
    half = t * fractions.std(axis=1, ddof=1) / np.sqrt(n)
    return _ProfileCurve(mean, half, half)


def _curve_to_json(curve: _ProfileCurve) -> dict[str, list]:
    """Return the keys share, low and high of a curve, with bounds between 0 and 1."""
    fraction, down, up = curve
    none = [None] * len(fraction)
    return {
        "share": fraction.tolist(),
        "low": none if down is None else np.clip(fraction - down, 0, 1).tolist(),
        "high": none if up is None else np.clip(fraction + up, 0, 1).tolist(),
    }
