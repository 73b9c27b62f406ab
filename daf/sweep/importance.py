"""How much each hyperparameter mattered: shares of the variance between trials."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from daf.config import DAFSweepConfig, Parameter
from daf.sweep.points import is_discrete

STREAM = 0x696D706F
RESAMPLES = 1000
GROUPS = 4
"""Into which the values of a range are put, of equal size."""


def importance(
    sweep: DAFSweepConfig, values: Sequence[Mapping[str, Any]], objectives: Sequence[float]
) -> list[dict[str, Any]]:
    """Omega squared of a one-way analysis of variance for each hyperparameter (Hays 1963, section
    10.19): the share of the variance between trials that goes with its value alone, less what
    chance would give.

    (SS_between - (groups - 1) MS_within) / (SS_total + MS_within), at least 0. Interactions are not
    seen. The intervals resample the trials; where trials were chosen by a model or by halving, they
    crowd around the best, and a share says what mattered there.

    Args:
        values: of the trials that succeeded and were trained equally long.
        objectives: of the same trials.

    Returns:
        for each hyperparameter: parameter, share, low, high (95 %); None where the groups are too
        few or too small. In the order of the shares, the largest first.
    """
    objectives = np.asarray(objectives, dtype=float)
    found = []
    for name, parameter in sweep.search_space.items():
        groups = _groups(parameter, [chosen.get(name) for chosen in values])
        share = _omega(groups, objectives)
        chance = np.random.default_rng([sweep.seed, STREAM, *name.encode()])
        draws = chance.integers(len(groups), size=(RESAMPLES, len(groups)))
        again = (
            [_omega(groups[draw], objectives[draw]) for draw in draws] if share is not None else []
        )
        known = [value for value in again if value is not None]
        low, high = np.quantile(known, [0.025, 0.975]).tolist() if known else (None, None)
        found.append({"parameter": name, "share": share, "low": low, "high": high})
    return sorted(found, key=lambda item: (-(item["share"] or 0), item["parameter"]))


def _groups(parameter: Parameter, values: Sequence[Any]) -> np.ndarray:
    """The number of each trial's group; trials in which it is not active are one of their own."""
    there = [value is not None for value in values]
    groups = np.full(len(values), -1)
    if is_discrete(parameter):
        known = [value for value in values if value is not None]
        places = [next(i for i, v in enumerate(known) if v == value) for value in known]
        groups[there] = places
        return groups
    numbers = np.array([value for value in values if value is not None], dtype=float)
    if len(numbers):
        edges = np.quantile(numbers, np.linspace(0, 1, GROUPS + 1)[1:-1])
        groups[there] = np.searchsorted(edges, numbers, side="right")
    return groups


def _omega(groups: np.ndarray, objectives: np.ndarray) -> float | None:
    names, numbers, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    free = len(groups) - len(names)
    if len(names) < 2 or free < 1:
        return None
    means = np.bincount(numbers, weights=objectives) / sizes
    between = float((sizes * (means - objectives.mean()) ** 2).sum())
    within = float(((objectives - means[numbers]) ** 2).sum()) / free
    total = between + within * free
    if total <= 0:
        return 0.0
    return max(0.0, (between - (len(names) - 1) * within) / (total + within))
