"""Permutation tests against Fisher's own example, scipy's enumeration and the t distribution."""

import numpy as np
import pytest
from scipy import stats

from daf.stats.permutation import (
    min_sign_flip_p_value,
    min_welch_permutation_p_value,
    sign_flip_p_value,
    welch_permutation_p_value,
)

# Darwin's maize, crossed minus self-fertilised, in eighths of an inch. Fisher (1935, section 21)
# counts 863 of the 32768 sign patterns with a sum of 314 or more.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_fisher_example():
    assert sign_flip_p_value([np.array(MAIZE, dtype=float)]) == pytest.approx(
        2 * 863 / 32768, abs=1e-12
    )


def test_sign_flips_against_scipy():
    rng = np.random.default_rng(3)
    x, y = rng.normal(0.7, 1, 4), rng.normal(0.2, 1, 7)

    def mean_of_means(values, axis):
        return values[..., :4].mean(axis=axis) + values[..., 4:].mean(axis=axis)

    expected = stats.permutation_test(
        (np.concatenate([x, y]),), mean_of_means, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p_value([x, y]) == pytest.approx(expected.pvalue, abs=1e-12)


@pytest.mark.parametrize("sizes", [(5, 5), (4, 7)])
def test_permutations_against_scipy(sizes):
    rng = np.random.default_rng(4)
    x, y = (rng.gamma(2, index + 1, size) for index, size in enumerate(sizes))

    def welch(a, b, axis):
        return np.abs(stats.ttest_ind(a, b, axis=axis, equal_var=False).statistic)

    expected = stats.permutation_test(
        (x, y), welch, vectorized=True, alternative="greater", n_resamples=np.inf
    )
    assert welch_permutation_p_value(x, y) == pytest.approx(expected.pvalue, abs=1e-12)
    assert welch_permutation_p_value(1e-9 * x + 1, 1e-9 * y + 1) == pytest.approx(
        expected.pvalue, abs=1e-12
    )


def test_random_permutations_approximate_t_test():
    rng = np.random.default_rng(5)
    x, y = rng.normal(0.3, 1, 60), rng.normal(0, 1, 60)
    error = 4 * np.sqrt(0.1 * 0.9 / 10_000) + 0.005
    assert sign_flip_p_value([x - y]) == pytest.approx(stats.ttest_rel(x, y).pvalue, abs=error)
    assert welch_permutation_p_value(x, y) == pytest.approx(stats.ttest_ind(x, y).pvalue, abs=error)


def test_random_permutations_are_deterministic():
    x = np.random.default_rng(6).normal(0.2, 1, 40)
    first = sign_flip_p_value([x]), welch_permutation_p_value(x, x[::-1] + 0.1)
    np.random.seed(1)
    sign_flip_p_value([x[:30]])
    assert (sign_flip_p_value([x]), welch_permutation_p_value(x, x[::-1] + 0.1)) == first


def test_ties_and_zeros():
    assert sign_flip_p_value([np.zeros(5)]) == 1
    assert sign_flip_p_value([np.array([1.0, 1, 1, 0, 0])]) == 2 / 2**3
    assert welch_permutation_p_value(np.ones(3), np.ones(4)) == 1
    assert welch_permutation_p_value(np.zeros(5), np.ones(5)) == 2 / 252


@pytest.mark.parametrize("n, m", [(2, 2), (5, 5), (3, 6)])
def test_smallest_p(n, m):
    assert welch_permutation_p_value(np.arange(n) + 100.0, np.arange(m) / 2) == pytest.approx(
        min_welch_permutation_p_value(n, m)
    )
    assert sign_flip_p_value([np.arange(n) + 1.0]) == pytest.approx(min_sign_flip_p_value(n))
    assert min_welch_permutation_p_value(10**6, 10**6) == min_sign_flip_p_value(10**6) == 1 / 10_000
