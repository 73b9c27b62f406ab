"""Sign-flip and permutation tests, which assume no distribution of the scores.

If two policies are equally good, all assignments of the scores to them are equally likely. p is
the fraction of assignments with at least the observed difference (Fisher 1935; Pitman 1937). Up to
`MAX_ARRANGEMENTS` assignments are enumerated; beyond that, `DRAWS` seeded random ones and the
observed one are counted (Phipson and Smyth 2010).
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

MAX_ARRANGEMENTS = 2**15
DRAWS = 9_999

MAX_CACHED_UNITS = 512
"""Largest number of differences whose random signs are cached for the next pair, about 20 MB."""

TIE_TOLERANCE = 1e-9
"""Relative size of rounding errors; arrangements within it count as ties."""


def random_stream(*name: str | int) -> np.random.Generator:
    """Return the random generator of a name, which gives the same numbers in every process."""
    key = "/".join(map(str, ("daf.stats", *name))).encode()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(key))))


def sign_flip_p_value(strata: Sequence[np.ndarray]) -> float:
    """Compute the two-sided p of a sign-flip test (Fisher 1935, section 21).

    The statistic is the mean of the strata's means.

    Args:
        strata: paired differences of each stratum, float64 [n_k], n_k >= 1.
    """
    parts = np.concatenate([values / (len(values) * len(strata)) for values in strata])
    parts = parts[parts != 0]
    observed = abs(parts.sum()) * (1 - TIE_TOLERANCE)
    if len(parts) == 0:
        return 1.0
    if 2 ** len(parts) <= MAX_ARRANGEMENTS:
        sums = np.abs(_all_signs(len(parts)) @ parts)
        return float(np.mean(sums >= observed))
    # Flipping a sign subtracts the value twice.
    extreme = 1 + sum(
        int(np.sum(np.abs(parts.sum() - 2 * (flips @ parts)) >= observed))
        for flips in _random_flips(len(parts))
    )
    return extreme / (DRAWS + 1)


def permutation_p_value(a: np.ndarray, b: np.ndarray) -> float:
    """Compute the two-sided p of a permutation test of two independent samples.

    The statistic is Welch's t. The test is therefore valid for large samples with equal means and
    different variances, too (Janssen 1997).

    Args:
        a: values of the first sample, float64 [n], n >= 2.
        b: values of the second sample, float64 [m], m >= 2.
    """
    values = np.concatenate([a, b])
    values = values - values.mean()
    scale = np.abs(values).max()
    if scale == 0:
        return 1.0
    values = values / scale
    observed = float(
        _welch_statistic(_enumerate_first_samples(len(a), len(b))[:1], values, len(a))[0]
    ) * (1 - TIE_TOLERANCE)
    if math.comb(len(values), len(a)) <= MAX_ARRANGEMENTS:
        return float(
            np.mean(
                _welch_statistic(_enumerate_first_samples(len(a), len(b)), values, len(a))
                >= observed
            )
        )
    random, extreme = random_stream("exchanges", len(a), len(b)), 1
    for count in _chunk_sizes(DRAWS, len(values)):
        order = random.random((count, len(values))).argsort(axis=1)
        members = (order < len(a)).astype(float)
        extreme += int(np.sum(_welch_statistic(members, values, len(a)) >= observed))
    return extreme / (DRAWS + 1)


def min_sign_flip_p(n: int) -> float:
    """Return the smallest possible p of `sign_flip_p_value` for n differences."""
    exact = 2.0 ** (1 - n)
    return exact if 2**n <= MAX_ARRANGEMENTS else max(exact, 1 / (DRAWS + 1))


def min_permutation_p(n: int, m: int) -> float:
    """Return the smallest possible p of `permutation_p_value` for samples of n and m values."""
    if min(n, m) > 20:  # more than MAX_ARRANGEMENTS
        return 1 / (DRAWS + 1)
    num_choices = math.comb(n + m, n)
    exact = (2 if n == m else 1) / num_choices
    return exact if num_choices <= MAX_ARRANGEMENTS else max(exact, 1 / (DRAWS + 1))


def _random_flips(n: int) -> Iterable[np.ndarray]:
    """Yield the random sign flips of n values in parts, 0 or 1 [draws, n]."""
    if n <= MAX_CACHED_UNITS:
        return [_cached_flips(n)]
    random = random_stream("sign flips", n)
    return (random.integers(0, 2, (count, n), dtype=np.int8) for count in _chunk_sizes(DRAWS, n))


@lru_cache(maxsize=8)
def _cached_flips(n: int) -> np.ndarray:
    return (
        random_stream("sign flips", n).integers(0, 2, (DRAWS, n), dtype=np.int8).astype(np.float32)
    )


def _chunk_sizes(draws: int, width: int) -> list[int]:
    """Split draws into parts of about 10 MB each."""
    size = max(1, min(draws, 2_000_000 // width))
    return [size] * (draws // size) + ([draws % size] if draws % size else [])


@lru_cache(maxsize=16)
def _all_signs(n: int) -> np.ndarray:
    """Return one of each pair of opposite sign patterns, -1 or 1 [2^(n-1), n]."""
    bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n)
    return np.where(bits & 1, -1.0, 1.0)


@lru_cache(maxsize=16)
def _enumerate_first_samples(n: int, m: int) -> np.ndarray:
    """Return all choices of the first sample, the observed one first, 0 or 1 [choices, n + m].

    With more than `MAX_ARRANGEMENTS` choices, only the observed one.
    """
    num_choices = math.comb(n + m, n)
    chosen = np.zeros((num_choices if num_choices <= MAX_ARRANGEMENTS else 1, n + m))
    for row, members in zip(chosen, combinations(range(n + m), n)):
        row[list(members)] = 1.0
    return chosen


def _welch_statistic(members: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Compute |Welch's t| of each arrangement; without variation 0 or infinity."""
    m = len(values) - n
    sums, squares = members @ values, members @ values**2
    mean_a, mean_b = sums / n, (values.sum() - sums) / m
    error = np.maximum(squares - n * mean_a**2, 0) / (n * (n - 1))
    error += np.maximum((values**2).sum() - squares - m * mean_b**2, 0) / (m * (m - 1))
    size = np.abs(mean_a - mean_b)
    size[size < TIE_TOLERANCE] = 0.0
    error[error < TIE_TOLERANCE**2] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size == 0, 0.0, size / np.sqrt(error))
