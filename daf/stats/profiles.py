"""Performance profiles: fraction of episodes that reach each score."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import special

from daf.stats.estimate import SEED, Samples
from daf.stats.proportions import wilson_interval

POINTS = 41


def compute_profile(
    samples: Mapping[str, Samples],
    confidence: float,
    ceilings: Mapping[str, float | None],
) -> dict | None:
    """Compute the fraction of episodes with at least each score, for scores from low to high.

    Performance profiles (Dolan and More 2002; Agarwal et al. 2021): a policy whose curve is
    everywhere above another one is better in every quantile. The fraction of a trained policy is
    the mean over its training seeds, with a t interval. The fraction of a fixed policy is over
    episodes, with Wilson's interval. The intervals are pointwise. Over several missions, scores are
    fractions of the ceilings and the missions have equal weights.

    Args:
        samples: unit values of each policy, all on the same missions.
        confidence: coverage of the intervals.
        ceilings: ceilings by mission.

    Returns:
        thresholds [thresholds] (score units; fractions of the ceilings over several missions) and
        curves: [{policy, share, low, high}], each [thresholds], bounds None for a single unit.
        None over several missions with an unknown ceiling.
    """
    missions = list(next(iter(samples.values())).scores)
    scales = dict.fromkeys(missions, 1.0)
    if len(missions) > 1:
        if not all(ceilings.get(mission) for mission in missions):
            return None
        scales = {mission: ceilings[mission] for mission in missions}
        thresholds = np.linspace(0.0, 1.0, POINTS)
    else:
        thresholds = _thresholds(samples, missions[0], ceilings.get(missions[0]))
    curves = [
        {"policy": policy} | _profile_curve(sample, scales, thresholds, confidence)
        for policy, sample in samples.items()
    ]
    return {"thresholds": thresholds.tolist(), "curves": curves}


def _thresholds(samples: Mapping[str, Samples], mission: str, ceiling: float | None) -> np.ndarray:
    """Return thresholds from the lowest score, or 0, to the ceiling, or the highest score."""
    scores = [sample.scores[mission].to_numpy() for sample in samples.values()]
    low = min(0.0, *(float(np.nanmin(values)) for values in scores))
    high = max(float(np.nanmax(values)) for values in scores)
    high = max(high, ceiling or low)
    return np.linspace(low, high if high > low else low + 1.0, POINTS)


def _profile_curve(
    sample: Samples, scales: Mapping[str, float], thresholds: np.ndarray, confidence: float
) -> dict:
    shares = {
        mission: _fraction_reached(scores / scales[mission], thresholds)
        for mission, scores in sample.scores.items()
    }
    if sample.unit == SEED and len(sample.strata) == 1:
        units = np.mean(list(shares.values()), axis=0)  # [thresholds, runs]
        return _curve_entry(units.mean(axis=1), *_t_half_widths(units, confidence))
    if sample.unit == SEED:
        parts = [
            (values.mean(axis=1), *_t_half_widths(values, confidence)) for values in shares.values()
        ]
    else:
        parts = []
        for mission, values in shares.items():
            share = values.mean(axis=1)
            low, high = wilson_interval(share, len(sample.scores[mission]), confidence)
            parts.append((share, share - low, high - share))
    share = np.mean([part[0] for part in parts], axis=0)
    if any(part[1] is None for part in parts):
        return _curve_entry(share, None, None)
    # Distances to the bounds of independent estimates add in quadrature (`mover_interval`).
    down, up = (np.sqrt(sum(part[i] ** 2 for part in parts)) / len(parts) for i in (1, 2))
    return _curve_entry(share, down, up)


def _fraction_reached(scores: pd.DataFrame, thresholds: np.ndarray) -> np.ndarray:
    """Return the fraction of each run's episodes with at least each score [thresholds, runs]."""
    columns = []
    for run in scores.columns:
        ordered = np.sort(scores[run].dropna().to_numpy())
        # The tolerance lets a score of 0.3 reach the threshold 0.1 + 0.2.
        below = np.searchsorted(ordered, thresholds - 1e-9 * np.abs(thresholds).max(), "left")
        columns.append(1 - below / len(ordered))
    return np.array(columns).T


def _t_half_widths(
    units: np.ndarray, confidence: float
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the half-widths (down, up) of the t interval of each row's mean [thresholds]."""
    n = units.shape[1]
    if n < 2:
        return None, None
    half = special.stdtrit(n - 1, (1 + confidence) / 2) * units.std(axis=1, ddof=1) / np.sqrt(n)
    return half, half


def _curve_entry(share: np.ndarray, down: np.ndarray | None, up: np.ndarray | None) -> dict:
    none = [None] * len(share)
    return {
        "share": share.tolist(),
        "low": none if down is None else np.clip(share - down, 0, 1).tolist(),
        "high": none if up is None else np.clip(share + up, 0, 1).tolist(),
    }
