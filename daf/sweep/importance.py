"""Importance of hyperparameters: shares of the variance between trials."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from daf.config import DAFSweepConfig, Parameter
from daf.sweep.points import has_values_or_step

STREAM = 0x696D706F
NUM_RESAMPLES = 1000
NUM_GROUPS = 4
"""Number of groups of equal size for the values of a range."""


def compute_importance(
    sweep: DAFSweepConfig, points: Sequence[Mapping[str, Any]], objectives: Sequence[float]
) -> list[dict[str, Any]]:
    """Compute omega squared of each hyperparameter (one-way ANOVA; Hays 1963, section 10.19).

    This is the share of the variance between trials that one hyperparameter explains, corrected for
    chance: (SS_between - (groups - 1) MS_within) / (SS_total + MS_within), at least 0. It ignores
    interactions. The intervals resample the trials. Model-based proposals and halving concentrate
    trials near the best; then a share holds for that region only.

    Args:
        sweep: configuration of the sweep.
        points: hyperparameters of the successful trials with equal training steps.
        objectives: objectives of the same trials.

    Returns:
        For each hyperparameter: parameter, share, low, high (95 %). Values are None if there are
        too few groups or trials. Sorted by share, the largest first.
    """
    objective_values = np.asarray(objectives, dtype=float)
    results = []
    for name, parameter in sweep.search_space.items():
        groups = _group_index_of_each_trial(parameter, [point.get(name) for point in points])
        share = _omega_squared(groups, objective_values)
        generator = np.random.default_rng([sweep.seed, STREAM, *name.encode()])
        resamples = generator.integers(len(groups), size=(NUM_RESAMPLES, len(groups)))
        shares = []
        if share is not None:
            shares = [_omega_squared(groups[rows], objective_values[rows]) for rows in resamples]
            shares = [resampled for resampled in shares if resampled is not None]
        low, high = np.quantile(shares, [0.025, 0.975]).tolist() if shares else (None, None)
        results.append({"parameter": name, "share": share, "low": low, "high": high})
    return sorted(results, key=lambda item: (-(item["share"] or 0), item["parameter"]))


def _group_index_of_each_trial(parameter: Parameter, values: Sequence[Any]) -> np.ndarray:
    """Return the group of each trial: int64 [trials], -1 where the hyperparameter is inactive."""
    is_active = [value is not None for value in values]
    groups = np.full(len(values), -1)
    if has_values_or_step(parameter):
        active_values = [value for value in values if value is not None]
        groups[is_active] = [
            next(i for i, other in enumerate(active_values) if other == value)
            for value in active_values
        ]
        return groups
    numbers = np.array([value for value in values if value is not None], dtype=float)
    if len(numbers):
        edges = np.quantile(numbers, np.linspace(0, 1, NUM_GROUPS + 1)[1:-1])
        groups[is_active] = np.searchsorted(edges, numbers, side="right")
    return groups


def _omega_squared(groups: np.ndarray, objectives: np.ndarray) -> float | None:
    labels, indices, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    degrees_of_freedom = len(groups) - len(labels)
    if len(labels) < 2 or degrees_of_freedom < 1:
        return None
    means = np.bincount(indices, weights=objectives) / sizes
    ss_between = float((sizes * (means - objectives.mean()) ** 2).sum())
    ms_within = float(((objectives - means[indices]) ** 2).sum()) / degrees_of_freedom
    ss_total = ss_between + ms_within * degrees_of_freedom
    if ss_total <= 0:
        return 0.0
    return max(0.0, (ss_between - (len(labels) - 1) * ms_within) / (ss_total + ms_within))
