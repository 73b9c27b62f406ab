"""Median and interquartile mean: what is typical where a few units are far from the others.

Both are weighted sums of the sorted values, so a bootstrap is one product of matrices: how often
each value was drawn decides its weight. The intervals were chosen by simulation
(docs/statistics.md):

- median of one sample: between order statistics, interpolated (Hettmansperger and Sheather 1986);
  it holds for any distribution, and needs five units.
- interquartile mean of fewer than `BOOTSTRAP_FROM` units: the same interval. It lies about that of
  the median, for the two differ by much less than so few units can tell, and is narrower than
  Student t on winsorised values, and covers more.
- interquartile mean of more than `LARGEST` units: Student t on winsorised values (Tukey and
  McLaughlin 1963; Yuen 1974).
- several strata of which one is so small or so large: the intervals of each, joined by `mover_interval`.
  They need ten units of each: joined intervals of five cover 98 to 99 % of normal scores, and the
  median's 90 % of zero-inflated ones.
- all else: bias-corrected and accelerated bootstrap (BCa; Efron 1987), the units drawn anew
  within each stratum (Davison and Hinkley 1997, section 3.2); of fewer it covers too little.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy import special

from daf.stats.estimate import ErrorTerm, Samples, t_interval, unbiased_variance
from daf.stats.permutation import random_stream
from daf.stats.proportions import Interval, mover_interval

BOOTSTRAP_FROM = 20
RESAMPLES = 2_000
LARGEST = 1_000
"""With more units the bootstrap adds nothing to the other intervals but time and memory."""

MIN_UNITS, MIN_UNITS_PER_STRATUM, SKEW_SAFE_UNITS = 5, 10, 30
"""Units that any of these intervals needs, of one stratum and of each of several; units that no
skewed sample needs to be warned of."""


def iqm_weights(counts: np.ndarray) -> np.ndarray:
    """Weights of the mean of the middle half [..., n] of sorted values drawn `counts` times each.

    A quarter of all draws, rounded down, is cut off at each end: the trimmed mean of scipy, and the
    interquartile mean of Agarwal et al. (2021).
    """
    return _weights_in_range(counts, lambda total: total // 4, lambda total: total - total // 4)


def median_weights(counts: np.ndarray) -> np.ndarray:
    """Weights of the median [..., n] of sorted values drawn `counts` times each."""
    return _weights_in_range(counts, lambda total: (total - 1) // 2, lambda total: total // 2 + 1)


def _weights_in_range(counts: np.ndarray, first: Callable, last: Callable) -> np.ndarray:
    """The share of each value in the draws of the given places."""
    until = np.cumsum(counts, axis=-1)
    total = until[..., -1:]
    start, end = first(total), last(total)
    inside = np.minimum(until, end) - np.maximum(until - counts, start)
    return np.maximum(inside, 0) / (end - start)


def robust(sample: Samples, confidence: float) -> dict:
    """Median and interquartile mean of the units, each with its interval.

    Several strata: the mean over them, each weighing the same.

    Returns:
        median, median_low, median_high, iqm, iqm_low, iqm_high in score units, bounds None where
        there are too few units; robust_note says why.
    """
    strata = [np.sort(stratum.to_numpy(dtype=float)) for stratum in sample.strata]
    fewest = min(map(len, strata))
    found, notes = {}, []
    for name, weights in (("median", median_weights), ("iqm", iqm_weights)):
        value = float(np.mean([values @ weights(np.ones(len(values))) for values in strata]))
        interval = _interval(name, weights, strata, confidence)
        if interval is None:
            needed = _min_units(strata)
            notes.append(f"{name}: an interval needs {needed} units, there are {fewest}")
        low, high = interval or (None, None)
        found |= {name: value, f"{name}_low": low, f"{name}_high": high}
    if MIN_UNITS <= fewest < SKEW_SAFE_UNITS and any(abs(skewness(v)) > 1 for v in strata):
        notes.append("few units and skewed scores: the intervals may cover less than they say")
    return found | {"robust_note": "; ".join(notes) or None}


def _min_units(strata: Sequence[np.ndarray]) -> int:
    return MIN_UNITS if len(strata) == 1 else MIN_UNITS_PER_STRATUM


def _interval(
    name: str, weights: Callable, strata: Sequence[np.ndarray], confidence: float
) -> Interval | None:
    fewest, most = min(map(len, strata)), max(map(len, strata))
    if fewest < _min_units(strata):
        return None
    if fewest >= BOOTSTRAP_FROM and most <= LARGEST and (name == "iqm" or len(strata) > 1):
        return bca_interval(strata, weights, confidence)
    bounds = [
        winsorised_interval(values, confidence)
        if name == "iqm" and len(values) >= BOOTSTRAP_FROM
        else median_interval(values, confidence)
        for values in strata
    ]
    return mover_interval(
        [float(values @ weights(np.ones(len(values)))) for values in strata], bounds
    )


def median_interval(values: np.ndarray, confidence: float) -> Interval:
    """The interval of the median of sorted values [n], n >= 2; it holds the interquartile mean too.

    The k-th values from both ends hold the median with probability 1 - 2 P(B < k), B binomial
    (n, 1/2). Between the last k that covers enough and the next, which does not, is interpolated
    (Hettmansperger and Sheather 1986, formula 2.3). Where even the ends cover too little, they are
    the interval: five values cover 93.75 %.
    """
    n = len(values)
    covers = 1 - 2 * special.bdtr(np.arange(n // 2), n, 0.5)  # of k = 1, 2, ...
    k = int(np.sum(covers >= confidence))
    if k == 0:
        return float(values[0]), float(values[-1])
    if k == len(covers):
        return float(values[k - 1]), float(values[n - k])
    part = (covers[k - 1] - confidence) / (covers[k - 1] - covers[k])
    inward = (n - k) * part / (k + (n - 2 * k) * part)
    low = values[k - 1] + inward * (values[k] - values[k - 1])
    high = values[n - k] - inward * (values[n - k] - values[n - k - 1])
    return float(low), float(high)


def winsorised_interval(values: np.ndarray, confidence: float) -> Interval:
    """The t interval of the interquartile mean of sorted values [n], n >= 5.

    With g = n // 4 values cut off at each end, h left and the winsorised variance s_w^2, the
    squared standard error is (n - 1) s_w^2 / (h (h - 1)), with h - 1 degrees of freedom (Yuen
    1974).
    """
    n = len(values)
    cut = n // 4
    left = n - 2 * cut
    middle = values[cut : n - cut]
    error = (n - 1) * unbiased_variance(values.clip(middle[0], middle[-1])) / (left * (left - 1))
    interval = t_interval(float(middle.mean()), [ErrorTerm(error, left - 1)], confidence)
    return interval["low"], interval["high"]


def bca_interval(strata: Sequence[np.ndarray], weights: Callable, confidence: float) -> Interval:
    """The BCa bootstrap interval of the mean over strata of a weighted sum of sorted values.

    Efron (1987), with the acceleration of several samples (Efron and Tibshirani 1993, formula
    14.15, each stratum's jackknife differences divided by its size; DiCiccio and Efron 1996).

    Args:
        strata: sorted values [n_k] of each.
        weights: such as `iqm_weights`.
        confidence: coverage.
    """
    value = sum(values @ weights(np.ones(len(values))) for values in strata) / len(strata)
    drawn = np.zeros(RESAMPLES)
    influences = []
    for place, values in enumerate(strata):
        drawn += _resampled(weights, len(values), place) @ values / len(strata)
        without = weights(1.0 - np.eye(len(values))) @ values
        influences.append((without.mean() - without) * (len(values) - 1) / len(values))
    influence = np.concatenate(influences)
    drawn = np.sort(drawn)
    size = max(abs(drawn[0]), abs(drawn[-1])) * 1e-12
    if drawn[-1] - drawn[0] <= size:
        return float(value), float(value)
    below = (np.sum(drawn < value - size) + np.sum(drawn <= value + size)) / (2 * RESAMPLES)
    bias = special.ndtri(np.clip(below, 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    scale = np.sum(influence**2) ** 1.5
    acceleration = np.sum(influence**3) / (6 * scale) if scale > 0 else 0.0
    z = bias + special.ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    low, high = np.quantile(drawn, special.ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


@lru_cache(maxsize=12)
def _resampled(weights: Callable, n: int, place: int) -> np.ndarray:
    """The weights of n sorted values in each resample [RESAMPLES, n]."""
    counts = random_stream("bootstrap", n, place).multinomial(n, np.full(n, 1 / n), RESAMPLES)
    return weights(counts)


def skewness(values: np.ndarray) -> float:
    """The third standardised moment; 0 without variation."""
    away = values - values.mean()
    variance = float(np.mean(away**2))
    if unbiased_variance(values) == 0.0:
        return 0.0
    return float(np.mean(away**3)) / variance**1.5
