"""Performance profiles: how often a policy reaches each score."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import special

from daf.stats.estimate import SEED, Samples
from daf.stats.proportions import wilson

POINTS = 41


def profile(
    samples: Mapping[str, Samples],
    confidence: float,
    ceilings: Mapping[str, float | None],
) -> dict | None:
    """The share of episodes that reach a score or more, for scores from low to high.

    The profiles of Dolan and More (2002) as in Agarwal et al. (2021): a curve that lies above
    another everywhere belongs to a policy that is better in every quantile. A method's share is
    the mean over its training seeds, with a t interval over them; the share of fixed weights is
    over episodes, with Wilson's interval. The intervals are of each point by itself. Over several
    missions scores are shares of the ceilings, and the missions weigh the same.

    Args:
        samples: of each policy, all on the same missions.
        confidence: coverage of the intervals.
        ceilings: of the missions.

    Returns:
        thresholds [T] (score units; over several missions shares of the ceilings), curves:
        [{policy, share, low, high}], each [T], bounds None for a single unit; None over several
        missions of which one has no ceiling.
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
        {"policy": policy} | _curve(sample, scales, thresholds, confidence)
        for policy, sample in samples.items()
    ]
    return {"thresholds": thresholds.tolist(), "curves": curves}


def _thresholds(samples: Mapping[str, Samples], mission: str, ceiling: float | None) -> np.ndarray:
    """From the lowest score, or 0, to the ceiling, or the highest."""
    scores = [sample.scores[mission].to_numpy() for sample in samples.values()]
    low = min(0.0, *(float(np.nanmin(values)) for values in scores))
    high = max(float(np.nanmax(values)) for values in scores)
    high = max(high, ceiling or low)
    return np.linspace(low, high if high > low else low + 1.0, POINTS)


def _curve(
    sample: Samples, scales: Mapping[str, float], thresholds: np.ndarray, confidence: float
) -> dict:
    shares = {
        mission: _reached(cell / scales[mission], thresholds)
        for mission, cell in sample.scores.items()
    }
    if sample.unit == SEED and len(sample.strata) == 1:
        units = np.mean(list(shares.values()), axis=0)  # [T, R]
        return _bounded(units.mean(axis=1), *_t_half(units, confidence))
    if sample.unit == SEED:
        parts = [(values.mean(axis=1), *_t_half(values, confidence)) for values in shares.values()]
    else:
        parts = []
        for mission, values in shares.items():
            share = values.mean(axis=1)
            low, high = wilson(share, len(sample.scores[mission]), confidence)
            parts.append((share, share - low, high - share))
    share = np.mean([part[0] for part in parts], axis=0)
    if any(part[1] is None for part in parts):
        return _bounded(share, None, None)
    # Distances to the bounds of independent estimates add like errors (`proportions.mover_interval`).
    down, up = (np.sqrt(sum(part[i] ** 2 for part in parts)) / len(parts) for i in (1, 2))
    return _bounded(share, down, up)


def _reached(cell: pd.DataFrame, thresholds: np.ndarray) -> np.ndarray:
    """The share of each run's episodes with at least each score [T, R]."""
    columns = []
    for run in cell.columns:
        scores = np.sort(cell[run].dropna().to_numpy())
        # A score of 0.3 reaches the threshold 0.1 + 0.2.
        below = np.searchsorted(scores, thresholds - 1e-9 * np.abs(thresholds).max(), "left")
        columns.append(1 - below / len(scores))
    return np.array(columns).T


def _t_half(units: np.ndarray, confidence: float) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Half the t interval of the mean of each row [T], twice: downwards and upwards."""
    n = units.shape[1]
    if n < 2:
        return None, None
    half = special.stdtrit(n - 1, (1 + confidence) / 2) * units.std(axis=1, ddof=1) / np.sqrt(n)
    return half, half


def _bounded(share: np.ndarray, down: np.ndarray | None, up: np.ndarray | None) -> dict:
    none = [None] * len(share)
    return {
        "share": share.tolist(),
        "low": none if down is None else np.clip(share - down, 0, 1).tolist(),
        "high": none if up is None else np.clip(share + up, 0, 1).tolist(),
    }
