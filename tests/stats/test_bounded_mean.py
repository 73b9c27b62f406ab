"""Gaffke's bound and the melded difference against exact distributions and enumeration."""

from itertools import combinations_with_replacement
from math import factorial

import numpy as np
import pytest
from scipy import stats

from daf.stats.bounded_mean import (
    BoundedSample,
    dirichlet_mean_upper_tail,
    estimate_bounded_difference,
    estimate_bounded_mean,
)


def zeros_and_ones(ones, size):
    return BoundedSample(np.repeat([1.0, 0.0], [ones, size - ones]))


@pytest.mark.parametrize("size", [1, 2, 5, 20, 64, 200])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_tail_of_two_points_is_that_of_the_beta_distribution(size, share):
    ones = round(share * (size - 1))
    thresholds = np.array([0.001, 0.1, 0.5, 0.9, 0.999])
    expected = stats.beta.sf(thresholds, ones + 1, size - ones)
    counts = np.array([size - ones, ones + 1])
    measured = dirichlet_mean_upper_tail(np.array([0.0, 1.0]), thresholds, counts)
    np.testing.assert_allclose(measured, expected, rtol=1e-9, atol=1e-290)


@pytest.mark.parametrize("size", [3, 12, 150])
def test_tail_agrees_with_random_spacings(size):
    rng = np.random.default_rng(size)
    values = np.append(rng.random(size) ** 3, 1.0)
    means = rng.dirichlet(np.ones(size + 1), 50_000) @ values
    levels = np.array([0.02, 0.5, 0.97])
    tails = dirichlet_mean_upper_tail(values, np.quantile(means, levels))
    np.testing.assert_allclose(tails, 1 - levels, atol=0.005)


@pytest.mark.parametrize(("ones", "size"), [(0, 5), (5, 5), (3, 10), (1, 64)])
def test_interval_of_two_points_is_clopper_and_pearsons(ones, size):
    interval = estimate_bounded_mean(zeros_and_ones(ones, size), 0.95)
    exact = stats.binomtest(ones, size).proportion_ci(0.95, "exact")
    assert interval[:2] == pytest.approx(tuple(exact), abs=1e-8)


def test_five_seeds_without_a_heart():
    interval = estimate_bounded_mean(zeros_and_ones(0, 5), 0.9)
    assert interval.low == 0
    assert interval.high == pytest.approx(1 - 0.05 ** (1 / 5))


def test_p_value_inverts_the_interval():
    sample = BoundedSample(np.array([0.2, 0.5, 0.5, 0.9, 0.7, 0.65]))
    interval = estimate_bounded_mean(sample, 0.95)
    for end in interval[:2]:
        assert estimate_bounded_mean(sample, 0.95, null_mean=end).p_value == pytest.approx(0.05)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_coverage_of_three_point_distributions_by_enumeration(n):
    """One-sided coverage is exact: all samples of n values of three are enumerated."""
    rng = np.random.default_rng(n)
    level = 0.1
    for _ in range(25):
        points = np.sort(rng.random(3)) * [1, 1, 0] + [0, 0, 1]
        weights = rng.dirichlet([0.5, 0.5, 0.5])
        mean = points @ weights
        missed = 0.0
        for sample in combinations_with_replacement(range(3), n):
            counts = np.bincount(sample, minlength=3)
            probability = factorial(n) * np.prod(
                [p**c / factorial(c) for p, c in zip(weights, counts)]
            )
            tail = BoundedSample(points[list(sample)]).p_value_of_null_at_least(np.array([mean]))[0]
            missed += probability * (tail < level)
        assert missed <= level


@pytest.mark.parametrize(
    ("sizes", "ones"), [((5, 5), (0, 5)), ((5, 32), (1, 31)), ((20, 9), (4, 5))]
)
def test_difference_of_two_points_is_fishers_exact_test(sizes, ones):
    a, b = (zeros_and_ones(k, n) for k, n in zip(ones, sizes))
    table = [[k, n - k] for k, n in zip(ones, sizes)]
    sides = [stats.fisher_exact(table, side).pvalue for side in ("less", "greater")]
    interval = estimate_bounded_difference(a, b, 0.95)
    assert interval.p_value == pytest.approx(min(1, 2 * min(sides)), rel=1e-3)
    mirrored = estimate_bounded_difference(b, a, 0.95)
    assert mirrored.low == pytest.approx(-interval.high)
    assert mirrored.p_value == pytest.approx(interval.p_value)


def test_interval_of_a_difference_excludes_zero_with_p_below_the_level():
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(40):
        a, b = (BoundedSample(rng.beta(*shape, 6)) for shape in ((2, 9), (9, 2)))
        interval = estimate_bounded_difference(a, b, 0.95)
        excluded = interval.high < 0 or interval.low > 0
        assert excluded == (interval.p_value < 0.05)
        seen.add(excluded)
    assert seen == {True, False}


@pytest.mark.parametrize("sizes", [(3, 3), (5, 5), (5, 12)])
def test_coverage_of_differences_of_two_points_by_enumeration(sizes):
    intervals = {
        (k, m): estimate_bounded_difference(
            zeros_and_ones(k, sizes[0]), zeros_and_ones(m, sizes[1]), 0.95
        )
        for k in range(sizes[0] + 1)
        for m in range(sizes[1] + 1)
    }
    for p in np.linspace(0.02, 0.98, 9):
        for q in np.linspace(0.02, 0.98, 9):
            covered = sum(
                stats.binom.pmf(k, sizes[0], p) * stats.binom.pmf(m, sizes[1], q)
                for (k, m), interval in intervals.items()
                if interval.low <= p - q <= interval.high
            )
            assert covered >= 0.95
