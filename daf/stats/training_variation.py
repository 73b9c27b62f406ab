"""Variation between training seeds: future seeds, worst seed, solving seeds, unseen failures.

A person who trains once needs the distribution of one seed, not the error of the mean. All results
assume independent seeds only, and no distribution.
"""

import math
from typing import Any

import numpy as np
from scipy import stats

from daf.stats.estimate import SEED, Floats, UnitValues

SOLVED_SHARE = 0.9
"""Share of the ceiling from which on a seed solves its mission."""


def bound_unseen_failure_rate(num_seeds: int, confidence: float = 0.95) -> float:
    """Return the upper bound of the probability of a failure that none of n seeds has shown.

    A failure of probability q is missed by n independent seeds with probability (1 - q)^n, which
    is 1 - confidence for q = 1 - (1 - confidence)^(1 / n).
    """
    return 1 - (1 - confidence) ** (1 / num_seeds)


def predict_future_seed(
    seed_means: Floats, ceiling: float | None, confidence: float
) -> dict[str, Any]:
    """Compute a distribution-free prediction interval of the mean score of one future seed.

    The n + 1 ranks of the future seed among n independent seeds are equally likely (Wilks 1941).
    So [minimum, maximum] contains it with probability at least (n - 1) / (n + 1), and
    [minimum, ceiling] with at least n / (n + 1). The first interval is used from 39 seeds on for
    95 %, the second one from 19 on.

    Args:
        seed_means: mean score of each seed, float64 [n].
        ceiling: proven upper bound of the score; None if unknown.
        confidence: probability of the interval.

    Returns:
        low, high (score units; None without such an interval), probability (guaranteed for low to
        high, or for the range of the seeds without an interval), note (the reason, or None).
    """
    values = np.asarray(seed_means, dtype=float)
    n = len(values)
    inside, above = (n - 1) / (n + 1), n / (n + 1)
    low, high = float(values.min()), float(values.max())
    if inside >= confidence - 1e-12:
        return {"low": low, "high": high, "probability": inside, "note": None}
    if ceiling is not None and above >= confidence - 1e-12:
        return {"low": low, "high": float(ceiling), "probability": above, "note": None}
    needed = math.ceil((1 + confidence) / (1 - confidence) - 1e-9)
    if ceiling is not None:
        needed = math.ceil(confidence / (1 - confidence) - 1e-9)
    note = f"a prediction interval of {100 * confidence:g} % needs {needed} training seeds; got {n}"
    return {"low": None, "high": None, "probability": inside, "note": note}


def count_solving_seeds(
    seed_means: Floats, ceiling: float | None, confidence: float, solved_share: float
) -> dict[str, Any]:
    """Count the seeds that solve the mission, with the exact interval of their probability.

    Args:
        seed_means: mean score of each seed, float64 [n].
        ceiling: proven upper bound of the score; None if unknown.
        confidence: coverage of the interval (Clopper and Pearson 1934).
        solved_share: share of the ceiling from which on a seed solves the mission.

    Returns:
        solved, n_seeds, share, low, high (None without a ceiling), threshold (score units), note.
    """
    values = np.asarray(seed_means, dtype=float)
    n = len(values)
    if ceiling is None:
        empty = dict.fromkeys(("solved", "share", "low", "high", "threshold"))
        return empty | {"n_seeds": n, "note": "no known ceiling"}
    threshold = solved_share * ceiling
    solved = int(np.sum(values >= threshold * (1 - 1e-12)))
    level = (1 - confidence) / 2
    low = 0.0 if solved == 0 else float(stats.beta.ppf(level, solved, n - solved + 1))
    high = 1.0 if solved == n else float(stats.beta.ppf(1 - level, solved + 1, n - solved))
    return {
        "solved": solved,
        "n_seeds": n,
        "share": solved / n,
        "low": low,
        "high": high,
        "threshold": threshold,
        "note": None,
    }


def describe_training_variation(
    unit_values: UnitValues,
    ceiling: float | None,
    confidence: float,
    solved_share: float = SOLVED_SHARE,
) -> dict[str, Any] | None:
    """Describe the variation between the training seeds of one policy on one mission.

    Returns:
        n_seeds, worst, best (mean scores of seeds), rarest_missed_failure, future_seed (see
        `predict_future_seed`), solving_seeds (see `count_solving_seeds`); None without seeds, or if
        the missions have separate seeds.
    """
    if unit_values.unit != SEED or len(unit_values.strata) != 1:
        return None
    values = unit_values.strata[0].to_numpy()
    return {
        "n_seeds": len(values),
        "worst": float(values.min()),
        "best": float(values.max()),
        "rarest_missed_failure": bound_unseen_failure_rate(len(values), confidence),
        "future_seed": predict_future_seed(values, ceiling, confidence),
        "solving_seeds": count_solving_seeds(values, ceiling, confidence, solved_share),
    }
