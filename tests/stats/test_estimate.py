"""Means and intervals against scipy, hand-computed numbers and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from daf.stats import analyse
from daf.stats.estimate import SEED, ErrorTerm, estimate_mean, t_interval

from .episodes import only, rows, table, trained

SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]  # Student 1908, drug 1


def test_fixed_policy_has_the_t_interval_of_its_episodes():
    result = analyse(rows("fixed", "m", SLEEP_1))
    item = only(result["estimates"], policy="fixed", mission="m")
    low, high = stats.t.interval(0.95, 9, np.mean(SLEEP_1), stats.sem(SLEEP_1))
    assert item["mean"] == pytest.approx(0.75)
    assert item["sd"] == pytest.approx(1.789010, abs=1e-6)  # R: sd(sleep$extra[1:10])
    assert (item["low"], item["high"]) == pytest.approx((low, high))
    assert (item["unit"], item["n_units"], item["n_training_seeds"]) == ("episode", 10, 0)
    assert "these weights" in item["claim"]


def test_trained_policy_has_the_t_interval_of_its_seed_means():
    # Seed means 2, 4, 9: mean 5, s^2 = 13, t(0.975, 2) = 4.302653 (tables), worked by hand.
    data = trained("net", "m", {1: [1, 3], 2: [4, 4, 4], 3: [8, 10]})
    item = only(analyse(data)["estimates"], policy="net")
    half = 4.302653 * math.sqrt(13 / 3)
    assert item["mean"] == pytest.approx(5)
    assert item["sd"] == pytest.approx(math.sqrt(13))
    assert (item["low"], item["high"]) == pytest.approx((5 - half, 5 + half), rel=1e-6)
    assert (item["unit"], item["n_units"], item["n_training_seeds"]) == ("training_seed", 3, 3)
    assert item["n_episodes"] == 7
    assert "training method" in item["claim"]


def test_confidence_is_used():
    item = only(analyse(rows("fixed", "m", SLEEP_1), confidence=0.8)["estimates"], policy="fixed")
    expected = stats.t.interval(0.8, 9, np.mean(SLEEP_1), stats.sem(SLEEP_1))
    assert (item["low"], item["high"]) == pytest.approx(expected)


def test_overall_of_a_trained_policy_keeps_the_correlation_of_one_seeds_missions():
    # The seeds' means over the missions are 5, 5, 5 up to +-1: opposite errors cancel in a seed.
    data = table(
        trained("net", "a", {1: [0], 2: [4], 3: [8]}),
        trained("net", "b", {1: [10], 2: [8], 3: [2]}),
    )
    item = only(analyse(data)["overall"], policy="net")
    expected = stats.t.interval(0.95, 2, np.mean([5, 6, 5]), stats.sem([5, 6, 5]))
    assert (item["low"], item["high"]) == pytest.approx(expected)


def test_overall_of_a_fixed_policy_weighs_missions_equally_and_adds_their_variances():
    easy, hard = [10, 12, 14, 16], [1, 2]
    data = table(rows("fixed", "a", easy), rows("fixed", "b", hard))
    item = only(analyse(data)["overall"], policy="fixed")
    # v_a = (20/3)/4 = 5/3, v_b = 0.5/2 = 1/4; a quarter of each; Satterthwaite by hand.
    v_a, v_b = (5 / 3) / 4, 0.25 / 4
    df = (v_a + v_b) ** 2 / (v_a**2 / 3 + v_b**2 / 1)
    half = stats.t.ppf(0.975, df) * math.sqrt(v_a + v_b)
    assert item["mean"] == pytest.approx((13 + 1.5) / 2)
    assert (item["low"], item["high"]) == pytest.approx((7.25 - half, 7.25 + half))


def test_runs_of_separate_missions_are_separate_samples():
    data = table(
        *(rows("net", "a", [x], seed=s, run=f"a{s}") for s, x in [(1, 1), (2, 3)]),
        *(rows("net", "b", [x], seed=s, run=f"b{s}") for s, x in [(1, 5), (2, 9)]),
    )
    item = only(analyse(data)["overall"], policy="net")
    error = math.sqrt((2 / 2 + 8 / 2) / 4)
    df = (1 + 4) ** 2 / (1**2 + 4**2)
    assert item["mean"] == pytest.approx(4.5)
    assert item["high"] == pytest.approx(4.5 + stats.t.ppf(0.975, df) * error)
    assert item["n_units"] == 4


def test_tiny_variances_do_not_underflow():
    tiny, plain = (
        t_interval(scale, [ErrorTerm(scale**2 / 4, 5), ErrorTerm(scale**2 / 9, 3)], 0.95)
        for scale in (1e-120, 1.0)
    )
    assert tiny.p == pytest.approx(plain.p)
    assert tiny.df == pytest.approx(plain.df)


def test_seed_interval_covers_the_truth_where_pooled_episodes_do_not():
    """5 seeds x 20 episodes, seeds differ by 2, episodes by 4: 95 % must mean 95 %."""
    rng = np.random.default_rng(7)
    repeats, inside, pooled_inside = 300, 0, 0
    for _ in range(repeats):
        scores = 50 + rng.normal(0, 2, (5, 1)) + rng.normal(0, 4, (5, 20))
        item = estimate_mean(trained("net", "m", dict(enumerate(scores))), ["m"], SEED, 0.95)
        inside += item["low"] <= 50 <= item["high"]
        low, high = stats.t.interval(0.95, 99, scores.mean(), stats.sem(scores.ravel()))
        pooled_inside += low <= 50 <= high
    assert 0.92 <= inside / repeats <= 0.98
    assert pooled_inside / repeats < 0.75
