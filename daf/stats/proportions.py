"""Shares and chances, with intervals that stay between 0 and 1."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import optimize, special

from daf.stats.estimate import EPISODE, SEED, Samples

Interval = tuple[float, float]


def mover_interval(values: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """The interval of the mean of independent estimates, from the interval of each.

    The distances from the values to their bounds add like standard errors, each side by itself
    (method of variance estimates recovery, MOVER; Zou and Donner 2008).
    """
    mean = float(np.mean(values))
    down = math.sqrt(sum((v - low) ** 2 for v, (low, _) in zip(values, intervals)))
    up = math.sqrt(sum((high - v) ** 2 for v, (_, high) in zip(values, intervals)))
    return mean - down / len(values), mean + up / len(values)


def wilson(shares: np.ndarray, n: int, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Score intervals of shares [...] of n independent cases (Wilson 1927).

    Cases that count a half, such as ties, vary less than whole ones: the interval errs to the side
    of caution.
    """
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    middle = (shares + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (shares * (1 - shares) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


def probability_of_improvement(a: Samples, b: Samples, confidence: float) -> dict:
    """The probability that `a` scores higher than `b`, ties counting half (Agarwal et al. 2021).

    Two methods: a random training seed of `a` against one of `b`, on each mission, and the mean
    over the missions. Two fixed policies: the same over episodes, in the same world if both were
    given the same. A method against a fixed policy: the share of its training seeds with a higher
    mean than the fixed policy on these worlds.

    Two independent samples have the interval of Newcombe (2006, part 2, method 5), pairs that of
    Wilson. Over missions, intervals of separate draws are joined by `mover_interval`; those of training
    seeds that serve all missions by the mean of their bounds, as if they erred all alike.

    Returns:
        improvement, improvement_low, improvement_high.
    """
    chances, bounds = [], []
    for mission in a.scores:
        chance, interval = _on_mission(a, b, mission, confidence)
        chances.append(chance)
        bounds.append(interval)
    shared = SEED in (a.unit, b.unit) and max(len(a.strata), len(b.strata)) < len(a.scores)
    joined = tuple(np.mean(bounds, axis=0)) if shared else mover_interval(chances, bounds)
    low, high = (min(max(float(bound), 0.0), 1.0) for bound in joined)
    return {
        "improvement": float(np.mean(chances)),
        "improvement_low": low,
        "improvement_high": high,
    }


def _on_mission(a: Samples, b: Samples, mission: str, confidence: float) -> tuple[float, Interval]:
    if a.unit == b.unit == EPISODE:
        x, y = a.scores[mission].iloc[:, 0], b.scores[mission].iloc[:, 0]
        if x.index.equals(y.index):
            return _share((np.sign(x - y) + 1) / 2, confidence)
        return _independent(x.to_numpy(), y.to_numpy(), confidence)
    means = a.run_means[mission], b.run_means[mission]
    if a.unit == b.unit:
        return _independent(*means, confidence)
    wins = (np.sign(means[0] - means[1]) + 1) / 2  # one of the two is a single mean
    return _share(wins, confidence)


def _share(wins: Sequence[float], confidence: float) -> tuple[float, Interval]:
    share = float(np.mean(wins))
    low, high = wilson(np.array(share), len(wins), confidence)
    return share, (float(low), float(high))


def _independent(x: np.ndarray, y: np.ndarray, confidence: float) -> tuple[float, Interval]:
    n, m = len(x), len(y)
    ordered = np.sort(y)
    below = np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right")
    chance = float(below.sum() / (2 * n * m))
    return chance, newcombe(chance, n, m, confidence)


def newcombe(chance: float, n: int, m: int, confidence: float) -> Interval:
    """The interval of P(X > Y) + P(X = Y) / 2 from samples of n and m (Newcombe 2006, method 5).

    The chances t for which |chance - t| is z standard errors, where the squared standard error is
    t (1 - t) (1 + N ((1 - t) / (2 - t) + t / (1 + t))) / (n m) and N = (n + m) / 2 - 1.
    """
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    size = (n + m) / 2 - 1

    def outside(t: float) -> float:
        factor = 1 + size * ((1 - t) / (2 - t) + t / (1 + t))
        return (chance - t) ** 2 - z2 * t * (1 - t) * factor / (n * m)

    # At 0 and 1 the chance itself is a root; the bound is the other one.
    low = 0.0 if chance == 0 else optimize.brentq(outside, 0.0, min(chance, 1 - 1e-12))
    high = 1.0 if chance == 1 else optimize.brentq(outside, max(chance, 1e-12), 1.0)
    return float(low), float(high)
