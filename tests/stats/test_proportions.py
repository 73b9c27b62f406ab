"""Shares and probabilities of improvement against scipy, statsmodels and simulation."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from daf.stats import analyse
from daf.stats.proportions import compute_interval_of_mean, improvement_interval, wilson_interval

from .episodes import rows, table, trained


@pytest.mark.parametrize("count, n", [(0, 5), (3, 10), (64, 64)])
def test_wilson_against_statsmodels(count, n):
    low, high = wilson_interval(np.array(count / n), n, 0.9)
    expected = proportion_confint(count, n, alpha=0.1, method="wilson")
    assert (low, high) == pytest.approx(expected, abs=1e-12)


def test_mover_of_symmetric_intervals():
    assert compute_interval_of_mean([1, 2], [(0.7, 1.3), (1.6, 2.4)]) == pytest.approx(
        (1.25, 1.75)
    )  # 3-4-5, halved


def improvement(a, b, **options):
    pair = analyse(table(a, b), **options)["comparisons_overall"][0]
    return tuple(pair[key] for key in ("improvement", "improvement_low", "improvement_high"))


def test_two_methods_against_the_u_statistic():
    x, y = [1, 4, 4, 9, 7, 8], [2, 4, 3, 5, 1]
    chance, low, high = improvement(
        trained("a", "m", {s: [v] for s, v in enumerate(x)}),
        trained("b", "m", {s: [v] for s, v in enumerate(y)}),
    )
    assert chance == pytest.approx(stats.mannwhitneyu(x, y).statistic / 30, abs=1e-12)
    assert 0 <= low < chance < high <= 1


def test_newcombe_bounds_against_score_test():
    """Solved on a fine grid, with the variance written as in the article."""
    n, m, chance = 8, 6, 0.8
    t = np.linspace(1e-6, 1 - 1e-6, 2_000_001)
    tail = (n + m) / 2 - 1
    variance = t * (1 - t) * (1 + tail * (1 - t) / (2 - t) + tail * t / (1 + t)) / (n * m)
    inside = t[np.abs(chance - t) <= stats.norm.ppf(0.975) * np.sqrt(variance)]
    assert improvement_interval(chance, n, m, 0.95) == pytest.approx(
        (inside[0], inside[-1]), abs=1e-6
    )


def test_newcombe_at_0_and_1():
    low, high = improvement_interval(1.0, 5, 5, 0.95)
    assert 0.4 < low < 0.8 and high == 1
    assert improvement_interval(0.0, 5, 5, 0.95) == pytest.approx((0, 1 - low))


def test_ties_count_half():
    chance, *bounds = improvement(rows("a", "m", [1, 2, 3, 5]), rows("b", "m", [0, 2, 2, 9]))
    assert chance == (1 + 0.5 + 1 + 0) / 4
    assert bounds == pytest.approx(proportion_confint(2.5, 4, method="wilson"), abs=1e-12)


def test_improvement_of_trained_over_fixed_policy():
    chance, *_ = improvement(
        trained("a", "m", {1: [1, 1], 2: [5, 5], 3: [9, 9], 4: [2, 2], 5: [3, 3]}),
        rows("b", "m", [2, 2]),
    )
    assert chance == (3 + 0.5) / 5


def test_missions_have_equal_weights():
    a = table(rows("a", "x", [1, 1]), rows("a", "y", [0, 0, 0, 0]))
    b = table(rows("b", "x", [0, 0]), rows("b", "y", [1, 1, 1, 1]))
    assert improvement(a, b)[0] == 0.5
