"""Tests that need no distribution: scores are exchanged between two policies.

If two policies are equally good, which of them got which score is chance. All ways to exchange
the scores are then equally likely, and p is the share of them that differ at least as much as what
was observed (Fisher 1935; Pitman 1937). All ways are counted where there are at most
`ARRANGEMENTS`, else `DRAWS` seeded random ones, with the observed one among them (Phipson and
Smyth 2010).
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

ARRANGEMENTS = 2**15
DRAWS = 9_999

KEPT = 512
"""Up to so many differences the random signs are kept for the next pair, some 20 megabytes."""

TIE_TOLERANCE = 1e-9
"""Relative size of differences that are rounding: such arrangements count as ties."""


def random_stream(*name: str | int) -> np.random.Generator:
    """The random numbers with this name: the same in every process, whatever was drawn before."""
    key = "/".join(map(str, ("daf.stats", *name))).encode()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(key))))


def sign_flip_p_value(strata: Sequence[np.ndarray]) -> float:
    """Two-sided p of paired differences whose signs are exchanged (Fisher 1935, section 21).

    Args:
        strata: the differences of each stratum [n_k], at least one each; the statistic is the
            mean of the strata's means.
    """
    parts = np.concatenate([values / (len(values) * len(strata)) for values in strata])
    parts = parts[parts != 0]
    observed = abs(parts.sum()) * (1 - TIE_TOLERANCE)
    if len(parts) == 0:
        return 1.0
    if 2 ** len(parts) <= ARRANGEMENTS:
        sums = np.abs(_all_signs(len(parts)) @ parts)
        return float(np.mean(sums >= observed))
    # Values that are flipped leave the sum twice.
    extreme = 1 + sum(
        int(np.sum(np.abs(parts.sum() - 2 * (flips @ parts)) >= observed))
        for flips in _random_flips(len(parts))
    )
    return extreme / (DRAWS + 1)


def permutation_p_value(a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p of two independent samples [n] and [m] whose members are exchanged.

    The statistic is Welch's t, so that the test also holds, for large samples, where only the means
    are equal and the spreads are not (Janssen 1997). Each sample has at least two values.
    """
    values = np.concatenate([a, b])
    values = values - values.mean()
    scale = np.abs(values).max()
    if scale == 0:
        return 1.0
    values = values / scale
    observed = float(_welch(_members(len(a), len(b))[:1], values, len(a))[0]) * (1 - TIE_TOLERANCE)
    if math.comb(len(values), len(a)) <= ARRANGEMENTS:
        return float(np.mean(_welch(_members(len(a), len(b)), values, len(a)) >= observed))
    random, extreme = random_stream("exchanges", len(a), len(b)), 1
    for count in _chunks(DRAWS, len(values)):
        order = random.random((count, len(values))).argsort(axis=1)
        members = (order < len(a)).astype(float)
        extreme += int(np.sum(_welch(members, values, len(a)) >= observed))
    return extreme / (DRAWS + 1)


def min_sign_flip_p(n: int) -> float:
    """The smallest p that `sign_flip_p_value` can give for n differences: it decides nothing below."""
    exact = 2.0 ** (1 - n)
    return exact if 2**n <= ARRANGEMENTS else max(exact, 1 / (DRAWS + 1))


def min_permutation_p(n: int, m: int) -> float:
    """The smallest p that `permutation_p_value` can give for samples of n and m."""
    if min(n, m) > 20:  # too many ways to count them
        return 1 / (DRAWS + 1)
    ways = math.comb(n + m, n)
    exact = (2 if n == m else 1) / ways
    return exact if ways <= ARRANGEMENTS else max(exact, 1 / (DRAWS + 1))


def _random_flips(n: int) -> Iterable[np.ndarray]:
    """Which of n signs are flipped in each draw, in parts [draws, n]."""
    if n <= KEPT:
        return [_kept_flips(n)]
    random = random_stream("sign flips", n)
    return (random.integers(0, 2, (count, n), dtype=np.int8) for count in _chunks(DRAWS, n))


@lru_cache(maxsize=8)
def _kept_flips(n: int) -> np.ndarray:
    return (
        random_stream("sign flips", n).integers(0, 2, (DRAWS, n), dtype=np.int8).astype(np.float32)
    )


def _chunks(draws: int, width: int) -> list[int]:
    """Draws in parts that need some ten megabytes each."""
    size = max(1, min(draws, 2_000_000 // width))
    return [size] * (draws // size) + ([draws % size] if draws % size else [])


@lru_cache(maxsize=16)
def _all_signs(n: int) -> np.ndarray:
    """One of each pair of opposite sign patterns, for they give the same size [2^(n-1), n]."""
    bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n)
    return np.where(bits & 1, -1.0, 1.0)


@lru_cache(maxsize=16)
def _members(n: int, m: int) -> np.ndarray:
    """All ways to choose the first sample, what was observed first [ways, n + m]; only that one
    where there are too many."""
    ways = math.comb(n + m, n)
    chosen = np.zeros((ways if ways <= ARRANGEMENTS else 1, n + m))
    for row, members in zip(chosen, combinations(range(n + m), n)):
        row[list(members)] = 1.0
    return chosen


def _welch(members: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """|Welch's t| of each arrangement; where neither sample varies it is 0 or infinite."""
    m = len(values) - n
    sums, squares = members @ values, members @ values**2
    left, right = sums / n, (values.sum() - sums) / m
    error = np.maximum(squares - n * left**2, 0) / (n * (n - 1))
    error += np.maximum((values**2).sum() - squares - m * right**2, 0) / (m * (m - 1))
    size = np.abs(left - right)
    size[size < TIE_TOLERANCE] = 0.0
    error[error < TIE_TOLERANCE**2] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size == 0, 0.0, size / np.sqrt(error))
