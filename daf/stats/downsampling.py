"""Downsampling of curves."""

import numpy as np


def downsample_curve(
    steps: np.ndarray, scores: np.ndarray, max_points: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `max_points` points: the mean step and score of equal intervals of steps.

    Args:
        steps: float64 [points], ascending.
        scores: float64 [points], without NaN.
        max_points: maximum number of points, at least 1.
    """
    if len(steps) <= max_points:
        return steps, scores
    edges = np.linspace(steps[0], steps[-1], max_points + 1)[1:-1]
    bins = np.searchsorted(edges, steps, side="right")
    count = np.bincount(bins)
    is_used = count > 0
    mean_steps = np.bincount(bins, weights=steps)[is_used] / count[is_used]
    mean_scores = np.bincount(bins, weights=scores)[is_used] / count[is_used]
    return mean_steps, mean_scores
