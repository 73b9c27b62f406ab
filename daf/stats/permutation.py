"""Sign-flip and permutation tests, which assume no distribution of the scores.

If two policies are equally good, all assignments of the scores to them are equally likely. p is
the fraction of assignments with at least the observed difference (Fisher 1935; Pitman 1937). Up to
`MAX_ARRANGEMENTS` assignments are enumerated; beyond that, `DRAWS` seeded random ones and the
observed one are counted (Phipson and Smyth 2010).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

MAX_ARRANGEMENTS = 2**15
DRAWS = 9_999

MAX_CACHED_UNITS = 512
"""Largest number of differences whose random signs are cached for the next pair, about 20 MB."""

TIE_TOLERANCE = 1e-9
"""Relative size of rounding errors; arrangements within it count as ties."""


def random_generator_from_name(*name_parts: str | int) -> np.random.Generator:
    """Return the random generator of a name, which gives the same numbers in every process."""
    key = "/".join(map(str, ("daf.stats", *name_parts))).encode()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(key))))


def sign_flip_p_value(differences_by_stratum: Sequence[np.ndarray]) -> float:
    """Compute the two-sided p of a sign-flip test (Fisher 1935, section 21).

    The statistic is the mean of the strata's means.

    Args:
        differences_by_stratum: paired differences of each stratum, float64 [n_k], n_k >= 1.
    """
    parts = np.concatenate(
        [values / (len(values) * len(differences_by_stratum)) for values in differences_by_stratum]
    )
    parts = parts[parts != 0]
    observed = abs(parts.sum()) * (1 - TIE_TOLERANCE)
    if len(parts) == 0:
        return 1.0
    if 2 ** len(parts) <= MAX_ARRANGEMENTS:
        sums = np.abs(_enumerate_half_of_sign_patterns(len(parts)) @ parts)
        return float(np.mean(sums >= observed))
    # Flipping a sign subtracts the value twice.
    extreme = 1 + sum(
        int(np.sum(np.abs(parts.sum() - 2 * (flips @ parts)) >= observed))
        for flips in _random_flip_mask_chunks(len(parts))
    )
    return extreme / (DRAWS + 1)


def welch_permutation_p_value(a: np.ndarray, b: np.ndarray) -> float:
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
        _absolute_welch_statistics(
            _enumerate_first_group_masks(len(a), len(b))[:1], values, len(a)
        )[0]
    ) * (1 - TIE_TOLERANCE)
    if math.comb(len(values), len(a)) <= MAX_ARRANGEMENTS:
        return float(
            np.mean(
                _absolute_welch_statistics(
                    _enumerate_first_group_masks(len(a), len(b)), values, len(a)
                )
                >= observed
            )
        )
    extreme = 1 + sum(
        int(np.sum(_absolute_welch_statistics(is_in_a.astype(float), values, len(a)) >= observed))
        for is_in_a in _random_group_assignment_chunks(len(a), len(b))
    )
    return extreme / (DRAWS + 1)


def min_sign_flip_p_value(num_differences: int) -> float:
    """Return the smallest possible p of `sign_flip_p_value`."""
    exact = 2.0 ** (1 - num_differences)
    return exact if 2**num_differences <= MAX_ARRANGEMENTS else max(exact, 1 / (DRAWS + 1))


def min_welch_permutation_p_value(num_a: int, num_b: int) -> float:
    """Return the smallest possible p of `welch_permutation_p_value` for samples of these sizes."""
    if min(num_a, num_b) > 20:  # more than MAX_ARRANGEMENTS
        return 1 / (DRAWS + 1)
    num_choices = math.comb(num_a + num_b, num_a)
    exact = (2 if num_a == num_b else 1) / num_choices
    return exact if num_choices <= MAX_ARRANGEMENTS else max(exact, 1 / (DRAWS + 1))


def _random_flip_mask_chunks(num_values: int) -> Iterable[np.ndarray]:
    """Yield the random sign flips in parts, 0 or 1 [draws, num_values]."""
    if num_values <= MAX_CACHED_UNITS:
        return [_cached_random_sign_flips(num_values)]
    random = random_generator_from_name("sign flips", num_values)
    return (
        random.integers(0, 2, (count, num_values), dtype=np.int8)
        for count in _chunk_sizes(DRAWS, num_values)
    )


@lru_cache(maxsize=8)
def _cached_random_sign_flips(num_values: int) -> np.ndarray:
    return (
        random_generator_from_name("sign flips", num_values)
        .integers(0, 2, (DRAWS, num_values), dtype=np.int8)
        .astype(np.float32)
    )


def _random_group_assignment_chunks(num_a: int, num_b: int) -> Iterable[np.ndarray]:
    """Yield random choices of the first sample in parts, bool [draws, num_a + num_b]."""
    if len(_chunk_sizes(DRAWS, num_a + num_b)) == 1:
        return _cached_first_group_mask_chunks(num_a, num_b)
    return _draw_first_group_mask_chunks(num_a, num_b)


@lru_cache(maxsize=8)
def _cached_first_group_mask_chunks(num_a: int, num_b: int) -> list[np.ndarray]:
    return list(_draw_first_group_mask_chunks(num_a, num_b))


def _draw_first_group_mask_chunks(num_a: int, num_b: int) -> Iterator[np.ndarray]:
    random = random_generator_from_name("exchanges", num_a, num_b)
    for count in _chunk_sizes(DRAWS, num_a + num_b):
        yield random.random((count, num_a + num_b)).argsort(axis=1) < num_a


def _chunk_sizes(num_draws: int, num_values: int) -> list[int]:
    """Split draws into parts of about 10 MB each."""
    size = max(1, min(num_draws, 2_000_000 // num_values))
    return [size] * (num_draws // size) + ([num_draws % size] if num_draws % size else [])


@lru_cache(maxsize=16)
def _enumerate_half_of_sign_patterns(num_values: int) -> np.ndarray:
    """Return one of each pair of opposite sign patterns, -1 or 1 [patterns, num_values]."""
    bits = np.arange(2 ** (num_values - 1))[:, None] >> np.arange(num_values)
    return np.where(bits & 1, -1.0, 1.0)


@lru_cache(maxsize=16)
def _enumerate_first_group_masks(num_a: int, num_b: int) -> np.ndarray:
    """Return all choices of the first sample, 0 or 1 [choices, num_a + num_b], observed one first.

    With more than `MAX_ARRANGEMENTS` choices, only the observed one.
    """
    num_choices = math.comb(num_a + num_b, num_a)
    chosen = np.zeros((num_choices if num_choices <= MAX_ARRANGEMENTS else 1, num_a + num_b))
    for row, members in zip(chosen, combinations(range(num_a + num_b), num_a)):
        row[list(members)] = 1.0
    return chosen


def _absolute_welch_statistics(is_in_a: np.ndarray, values: np.ndarray, num_a: int) -> np.ndarray:
    """Compute |Welch's t| of each arrangement; without variation 0 or infinity.

    Args:
        is_in_a: 1 for values of the first sample, 0 for others, float64 [arrangements, num_values].
        values: values of both samples, float64 [num_values].
        num_a: size of the first sample.
    """
    num_b = len(values) - num_a
    sums, squares = is_in_a @ values, is_in_a @ values**2
    mean_a, mean_b = sums / num_a, (values.sum() - sums) / num_b
    error = np.maximum(squares - num_a * mean_a**2, 0) / (num_a * (num_a - 1))
    error += np.maximum((values**2).sum() - squares - num_b * mean_b**2, 0) / (num_b * (num_b - 1))
    size = np.abs(mean_a - mean_b)
    size[size < TIE_TOLERANCE] = 0.0
    error[error < TIE_TOLERANCE**2] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size == 0, 0.0, size / np.sqrt(error))
