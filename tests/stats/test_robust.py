"""Medians and interquartile means against scipy, hand-computed intervals and a second bootstrap."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from daf.stats.estimate import EPISODE, UnitValues
from daf.stats.robust import (
    bca_interval,
    estimate_median_and_iqm,
    iqm_weights,
    median_interval,
    median_weights,
    winsorized_t_interval,
)


def samples_of(*strata):
    return UnitValues(EPISODE, [pd.Series(values) for values in strata], {}, 0, 0)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 31])
def test_values_against_numpy_and_scipy(n):
    values = np.random.default_rng(n).exponential(1, n)
    result = estimate_median_and_iqm(samples_of(values), 0.95)
    assert result["median"] == pytest.approx(np.median(values), rel=1e-12)
    assert result["iqm"] == pytest.approx(stats.trim_mean(values, 0.25), rel=1e-12)


def test_weights_equal_repeated_values():
    rng = np.random.default_rng(1)
    values = np.sort(rng.normal(size=9))
    for counts in rng.multinomial(9, np.full(9, 1 / 9), 50):
        repeated = np.repeat(values, counts)
        assert values @ median_weights(counts) == pytest.approx(np.median(repeated))
        assert values @ iqm_weights(counts) == pytest.approx(stats.trim_mean(repeated, 0.25))


def test_median_interval_by_hand():
    # n = 10: the 2nd values from the ends cover 1 - 2 * 11/1024, the 3rd 1 - 2 * 56/1024.
    outer, inner = 1 - 22 / 1024, 1 - 112 / 1024
    part = (outer - 0.95) / (outer - inner)
    inward = 8 * part / (2 + 6 * part)
    values = np.arange(1, 11) ** 2.0
    low, high = median_interval(values, 0.95)
    assert low == pytest.approx(4 + inward * (9 - 4), abs=1e-12)
    assert high == pytest.approx(81 - inward * (81 - 64), abs=1e-12)
    assert median_interval(values[:5], 0.95) == (1, 25)


@pytest.mark.filterwarnings("ignore:Precision loss")  # scipy's, of the thirteen equal values
def test_iqm_interval_against_yuens_test():
    values = np.sort(np.random.default_rng(2).lognormal(0, 0.5, 13))
    for bound in winsorized_t_interval(values, 0.95):
        # Against thirteen equal values, which add no error, the two-sample test is of one sample.
        p = stats.ttest_ind(values, np.full(13, bound), equal_var=False, trim=0.25).pvalue
        assert p == pytest.approx(0.05, abs=1e-9)


def iqm(values, axis=-1):
    return stats.trim_mean(values, 0.25, axis=axis)


@pytest.mark.parametrize("sizes", [(40,), (30, 25, 60)])
def test_bootstrap_against_scipy(sizes):
    """Independent draws of 20 000 resamples: bounds agree within the error of 2000."""
    rng = np.random.default_rng(7)
    strata = [np.sort(rng.gamma(2, 1 + index, size)) for index, size in enumerate(sizes)]

    def mean_of_iqms(*samples, axis=-1):
        return np.mean([iqm(sample, axis) for sample in samples], axis=0)

    expected = stats.bootstrap(
        strata, mean_of_iqms, method="BCa", n_resamples=20_000, rng=np.random.default_rng(8)
    )
    result = bca_interval(strata, iqm_weights, 0.95)
    # A quantile of 2000 draws at 2.5 % errs by sqrt(0.025 * 0.975 / 2000) in rank, or about 6 % of
    # the standard error; four times that, and the same for the bias correction.
    error = 0.4 * expected.standard_error
    assert result == pytest.approx(tuple(expected.confidence_interval), abs=error)


def test_stratified_bootstrap_against_a_loop():
    """The same statistic resampled by the book: percentiles of BCa, one resample at a time."""
    rng = np.random.default_rng(9)
    strata = [np.sort(rng.exponential(2, 24)), np.sort(rng.normal(8, 1, 32))]
    means = [
        np.mean([iqm(rng.choice(values, len(values))) for values in strata]) for _ in range(3000)
    ]
    value = np.mean([iqm(values) for values in strata])
    bias = stats.norm.ppf(np.mean(np.array(means) < value))
    cubes = squares = 0.0
    for values in strata:
        without = np.array([iqm(np.delete(values, i)) for i in range(len(values))])
        away = (len(values) - 1) * (without.mean() - without) / len(values)
        cubes, squares = cubes + np.sum(away**3), squares + np.sum(away**2)
    speed = cubes / (6 * squares**1.5)
    z = bias + stats.norm.ppf([0.025, 0.975])
    expected = np.quantile(means, stats.norm.cdf(bias + z / (1 - speed * z)))
    result = estimate_median_and_iqm(samples_of(*strata), 0.95)
    assert result["iqm"] == pytest.approx(value)
    assert (result["iqm_low"], result["iqm_high"]) == pytest.approx(
        tuple(expected), abs=0.4 * np.std(means)
    )


def test_iqm_of_few_or_many_units():
    rng = np.random.default_rng(3)
    for n, bounds in ((5, median_interval), (19, median_interval), (1001, winsorized_t_interval)):
        values = np.sort(rng.exponential(1, n))
        result = estimate_median_and_iqm(samples_of(values), 0.95)
        assert (result["iqm_low"], result["iqm_high"]) == pytest.approx(bounds(values, 0.95))
        assert result["iqm_low"] <= result["iqm"] <= result["iqm_high"]


def test_intervals_of_few_units():
    assert estimate_median_and_iqm(samples_of([1.0, 2, 3, 9]), 0.95)["median_low"] is None
    assert (
        "needs 5 units" in estimate_median_and_iqm(samples_of([1.0, 2, 3, 9]), 0.95)["robust_note"]
    )
    two = estimate_median_and_iqm(samples_of(range(9), range(12)), 0.95)
    assert two["median_low"] is None and two["iqm_low"] is None
    assert two["robust_note"].startswith("median: an interval needs 10 units; got 9")
    skewed = estimate_median_and_iqm(samples_of([0.0, 0, 0, 0, 5, 9]), 0.95)
    assert "may be too low" in skewed["robust_note"]
    equal = estimate_median_and_iqm(samples_of([3.0] * 30, [5.0] * 30), 0.95)
    assert equal["iqm_low"] == equal["iqm_high"] == equal["median_low"] == 4


@pytest.mark.parametrize("n", [6, 12, 25])
def test_median_interval_covers(n):
    rng = np.random.default_rng(n)
    inside = 0
    for values in np.sort(rng.exponential(1, (2000, n))):
        low, high = median_interval(values, 0.95)
        inside += low <= np.log(2) <= high
    assert 0.93 <= inside / 2000 <= 0.97
