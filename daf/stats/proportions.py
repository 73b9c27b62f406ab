"""Proportions and probabilities with intervals between 0 and 1."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from daf.stats.estimate import EPISODE, SEED, Floats, UnitValues

Interval = tuple[float, float]
"""Lower and upper bound."""


class _Proportion(NamedTuple):
    """Estimated probability and its interval."""

    value: float
    interval: Interval


def compute_interval_of_mean(
    independent_estimates: Sequence[float], intervals: Sequence[Interval]
) -> Interval:
    """Compute the interval of the mean of independent estimates from their intervals.

    The distances from the values to their bounds add in quadrature, separately for each side
    (method of variance estimates recovery, MOVER; Zou and Donner 2008).

    Args:
        independent_estimates: independent estimates.
        intervals: (low, high) of each estimate.
    """
    mean = float(np.mean(independent_estimates))
    down = math.sqrt(sum((v - low) ** 2 for v, (low, _) in zip(independent_estimates, intervals)))
    up = math.sqrt(sum((high - v) ** 2 for v, (_, high) in zip(independent_estimates, intervals)))
    return mean - down / len(independent_estimates), mean + up / len(independent_estimates)


def wilson_interval(
    proportions: np.ndarray, num_cases: int, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the score intervals of proportions of n independent cases (Wilson 1927).

    Ties count as half cases and vary less than whole ones, so the interval is conservative.

    Args:
        proportions: observed proportions [...].
        num_cases: number of cases.
        confidence: coverage of the intervals.
    """
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    middle = (proportions + z2 / (2 * num_cases)) / (1 + z2 / num_cases)
    half = np.sqrt(z2 * (proportions * (1 - proportions) / num_cases + z2 / (4 * num_cases**2))) / (
        1 + z2 / num_cases
    )
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


def probability_of_improvement(a: UnitValues, b: UnitValues, confidence: float) -> dict[str, float]:
    """Compute the probability that `a` scores higher than `b`; ties count half.

    The probability of improvement (Agarwal et al. 2021). Two trained policies: a random training
    seed of `a` against one of `b` on each mission, averaged over the missions. Two fixed policies:
    the same with episodes, paired by world if the worlds are equal. A trained and a fixed policy:
    the fraction of training seeds with a higher mean than the fixed policy on these worlds.

    Independent samples have the interval of Newcombe (2006, part 2, method 5), pairs have Wilson's.
    Over missions, `compute_interval_of_mean` joins the intervals of independent units. The
    bounds of training seeds that all missions share are averaged, which assumes perfect
    correlation.

    Args:
        a: unit values of the first policy.
        b: unit values of the second policy, on the same missions.
        confidence: coverage of the interval.

    Returns:
        improvement, improvement_low, improvement_high.
    """
    probabilities, bounds = [], []
    for mission in a.scores_by_mission:
        probability, interval = _probability_of_improvement_on_mission(a, b, mission, confidence)
        probabilities.append(probability)
        bounds.append(interval)
    shared = SEED in (a.unit, b.unit) and max(len(a.strata), len(b.strata)) < len(
        a.scores_by_mission
    )
    joined = (
        tuple(np.mean(bounds, axis=0))
        if shared
        else compute_interval_of_mean(probabilities, bounds)
    )
    low, high = (min(max(float(bound), 0.0), 1.0) for bound in joined)
    return {
        "improvement": float(np.mean(probabilities)),
        "improvement_low": low,
        "improvement_high": high,
    }


def _probability_of_improvement_on_mission(
    a: UnitValues, b: UnitValues, mission_name: str, confidence: float
) -> _Proportion:
    """Return the probability of improvement on one mission, and its interval."""
    if a.unit == b.unit == EPISODE:
        x, y = (
            a.scores_by_mission[mission_name].iloc[:, 0],
            b.scores_by_mission[mission_name].iloc[:, 0],
        )
        if x.index.equals(y.index):
            return _paired_improvement((np.sign(x - y) + 1) / 2, confidence)
        return _unpaired_improvement(x.to_numpy(), y.to_numpy(), confidence)
    means = a.run_means_by_mission[mission_name], b.run_means_by_mission[mission_name]
    if a.unit == b.unit:
        return _unpaired_improvement(*means, confidence)
    wins = (np.sign(means[0] - means[1]) + 1) / 2  # either side is a single mean
    return _paired_improvement(wins, confidence)


def _paired_improvement(wins: Floats, confidence: float) -> _Proportion:
    """Return the mean of 1 (win), 0.5 (tie) and 0 (loss) of each pair, with Wilson's interval."""
    share = float(np.mean(wins))
    low, high = wilson_interval(np.array(share), len(wins), confidence)
    return _Proportion(share, (float(low), float(high)))


def _unpaired_improvement(x: np.ndarray, y: np.ndarray, confidence: float) -> _Proportion:
    """Return the fraction of pairs with x > y, ties counted half, with Newcombe's interval."""
    n, m = len(x), len(y)
    ordered = np.sort(y)
    below = np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right")
    probability = float(below.sum() / (2 * n * m))
    return _Proportion(probability, improvement_interval(probability, n, m, confidence))


def improvement_interval(probability: float, num_x: int, num_y: int, confidence: float) -> Interval:
    """Compute the interval of P(X > Y) + P(X = Y) / 2 (Newcombe 2006, method 5).

    The bounds are the values t for which |probability - t| is z standard errors. The squared
    standard error is t (1 - t) (1 + N ((1 - t) / (2 - t) + t / (1 + t))) / (n m) with
    N = (n + m) / 2 - 1.

    Args:
        probability: estimated probability.
        num_x: size n of the sample of X.
        num_y: size m of the sample of Y.
        confidence: coverage of the interval.
    """
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    size = (num_x + num_y) / 2 - 1

    def excess(t: float) -> float:
        factor = 1 + size * ((1 - t) / (2 - t) + t / (1 + t))
        return (probability - t) ** 2 - z2 * t * (1 - t) * factor / (num_x * num_y)

    # At 0 and 1 the probability itself is a root; the bound is the second root.
    low = 0.0 if probability == 0 else optimize.brentq(excess, 0.0, min(probability, 1 - 1e-12))
    high = 1.0 if probability == 1 else optimize.brentq(excess, max(probability, 1e-12), 1.0)
    return float(low), float(high)
