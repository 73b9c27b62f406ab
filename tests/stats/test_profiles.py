"""Performance profiles against counts by hand, scipy and statsmodels."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from daf.stats import analyse

from .episodes import only, rows, table, trained


def at(profile, policy, threshold):
    position = profile["thresholds"].index(pytest.approx(threshold))
    curve = only(profile["curves"], policy=policy)
    return tuple(curve[key][position] for key in ("share", "low", "high"))


def test_profile_of_fixed_policy():
    result = analyse(rows("a", "m", [0, 2, 2, 10]), ceilings={"m": 20})
    profile = result["profiles"]["missions"]["m"]
    assert profile["thresholds"][0] == 0 and profile["thresholds"][-1] == 20
    for threshold, count in ((0, 4), (2, 3), (2.5, 1), (10, 1), (10.5, 0)):
        expected = proportion_confint(count, 4, method="wilson")
        assert at(profile, "a", threshold) == pytest.approx((count / 4, *expected), abs=1e-12)


def test_profile_of_trained_policy():
    seeds = {1: [0, 0, 5, 5], 2: [5, 5], 3: [0, 5, 5, 5]}
    profile = analyse(trained("net", "m", seeds), ceilings={"m": 10})["profiles"]["missions"]["m"]
    shares = [0.5, 1, 0.75]
    low, _ = stats.t.interval(0.95, 2, np.mean(shares), stats.sem(shares))
    assert at(profile, "net", 5) == pytest.approx((0.75, low, 1.0))
    assert at(profile, "net", 0) == (1, 1, 1)


def test_profile_over_missions():
    data = table(rows("a", "x", [5, 10]), rows("a", "y", [0, 0, 0, 100]))
    profile = analyse(data, ceilings={"x": 10, "y": 100})["profiles"]["overall"]
    assert at(profile, "a", 0.5)[0] == (1 + 0.25) / 2
    assert at(profile, "a", 1.0)[0] == (0.5 + 0.25) / 2
    assert analyse(data, ceilings={"x": 10})["profiles"]["overall"] is None


def test_profile_of_one_unit_and_of_equal_scores():
    data = table(*(trained("net", "m", {1: [3, 3], 2: [3, 3]}), rows("fixed", "m", [0, 0])))
    result = analyse(data)["profiles"]["missions"]["m"]
    assert at(result, "net", 3) == (1, 1, 1)
    assert analyse(rows("zero", "m", [0, 0]))["profiles"]["missions"]["m"]["thresholds"][-1] == 1


def test_optimality_gap():
    data = table(rows("a", "x", [5, 7]), rows("a", "y", [10, 30]))
    result = analyse(data, ceilings={"x": 10, "y": 100})
    assert only(result["estimates"], mission="x")["gap"] == pytest.approx(0.4)
    overall = result["overall"][0]
    # 0.6 +- and 0.2 +-: variances 0.02/2 and 0.02/2, a quarter of each; equal, so df = 2.
    error = np.sqrt((0.01 + 0.01) / 4)
    assert overall["gap"] == pytest.approx(0.6)
    assert overall["gap_high"] == pytest.approx(0.6 + stats.t.ppf(0.975, 2) * error)
    assert overall["gap_low"] == max(0, 0.6 - stats.t.ppf(0.975, 2) * error)
    beyond = analyse(data, ceilings={"x": 6, "y": 100})["overall"][0]
    assert beyond["gap"] is None and beyond["gap_note"] == "a score on x is above its ceiling"
