"""Sample sizes against statsmodels."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

from daf.stats.estimate import ErrorTerm
from daf.stats.power import (
    compute_t_test_power,
    find_smallest_sufficient_count,
    find_sufficient_sample_size,
)


@pytest.mark.parametrize("effect, n, level", [(0.5, 10, 0.05), (0.2, 64, 0.01), (1.2, 4, 0.05)])
def test_paired_worlds(effect, n, level):
    terms, judge = [ErrorTerm(1 / n, n - 1)], TTestPower()
    assert compute_t_test_power(effect, terms, [1] * len(terms), level) == pytest.approx(
        judge.power(effect, n, level), abs=1e-9
    )
    need = math.ceil(judge.solve_power(effect, None, level, 0.8))
    assert need > n
    assert find_sufficient_sample_size(effect, terms, n, level) == need


@pytest.mark.parametrize("effect, n, level", [(0.8, 5, 0.05), (1.5, 5, 0.05 / 6), (0.3, 20, 0.05)])
def test_two_methods_with_equal_spread(effect, n, level):
    terms, judge = [ErrorTerm(1 / n, n - 1)] * 2, TTestIndPower()
    expected = judge.power(effect, n, level)
    assert compute_t_test_power(effect, terms, [1] * len(terms), level) == pytest.approx(
        expected, abs=1e-9
    )
    need = math.ceil(judge.solve_power(effect, None, level, 0.8))
    assert find_sufficient_sample_size(effect, terms, n, level) == need


def test_power_at_extremes():
    assert compute_t_test_power(1e9, [ErrorTerm(1.0, 3)], [1], 0.05) == 1
    assert compute_t_test_power(0.0, [ErrorTerm(1.0, 30)], [1], 0.05) == pytest.approx(0.05)
    assert find_sufficient_sample_size(0.0, [ErrorTerm(1.0, 30)], 31, 0.05) is None
    assert find_sufficient_sample_size(1e-5, [ErrorTerm(1 / 31, 30)], 31, 0.05) is None


@pytest.mark.parametrize("level", [0.05, 0.05 / 12, 0.05 / 90, 0.05 / 1900])
@pytest.mark.parametrize("n", [5, 6, 10, 64])
def test_power_grows_with_the_difference_and_the_number_of_units(n, level):
    terms = [ErrorTerm(1 / n, n - 1)] * 2
    effects = np.linspace(0, 12, 200)
    for ratio in (1, 1.5, 4):
        power = [compute_t_test_power(effect, terms, [ratio] * 2, level) for effect in effects]
        assert np.isfinite(power).all()
        assert (np.diff(power) > -1e-7).all() and power[-1] > 0.98 - 0.6 * (n == 5)
    sizes = [find_sufficient_sample_size(effect, terms, n, level) for effect in (0.5, 1, 2, 4)]
    assert sizes == sorted(sizes, reverse=True)


def test_unequal_numbers_of_units_are_filled_up_to_the_same_number():
    """10 units stay, and 6 grow to 20; then both grow."""
    terms = [ErrorTerm(1 / 10, 9), ErrorTerm(1 / 6, 5)]
    need = find_sufficient_sample_size(0.91, terms, 6, 0.05)
    equal = math.ceil(TTestIndPower().solve_power(0.91, None, 0.05, 0.8))
    assert need == equal == 20
    proportional = find_sufficient_sample_size(
        0.91, terms, 6, 0.05, grow_samples_proportionally=True
    )
    assert 10 < proportional < 20


@pytest.mark.parametrize("least", [1, 2, 3, 7, 64, 999_999, 1_000_000])
def test_smallest_sufficient(least):
    assert find_smallest_sufficient_count(lambda count: count >= least) == least
