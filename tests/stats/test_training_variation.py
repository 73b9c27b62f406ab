"""Future seeds, worst seed, solving seeds and failures that no seed has shown."""

import numpy as np
import pytest
from scipy import stats

from daf.stats import analyse
from daf.stats.training_variation import (
    bound_unseen_failure_rate,
    count_solving_seeds,
    predict_future_seed,
)

from .episodes import only, rows, table, trained


@pytest.mark.parametrize(("seeds", "expected"), [(5, 0.4507), (10, 0.2589), (1, 0.95)])
def test_rarest_missed_failure(seeds, expected):
    assert bound_unseen_failure_rate(seeds) == pytest.approx(expected, abs=1e-4)
    assert (1 - bound_unseen_failure_rate(seeds)) ** seeds == pytest.approx(0.05)


def test_prediction_interval_needs_enough_seeds():
    few = predict_future_seed(range(5), 10.0, 0.95)
    assert few["low"] is few["high"] is None
    assert few["probability"] == pytest.approx(4 / 6)
    assert "needs 19 training seeds; got 5" in few["note"]
    assert "needs 39 training seeds" in predict_future_seed(range(20), None, 0.95)["note"]
    one_sided = predict_future_seed(range(19), 50.0, 0.95)
    assert (one_sided["low"], one_sided["high"]) == (0.0, 50.0)
    two_sided = predict_future_seed(range(39), 50.0, 0.95)
    assert (two_sided["low"], two_sided["high"], two_sided["note"]) == (0.0, 38.0, None)


def test_prediction_interval_covers_future_seeds():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(2000):
        *seeds, future = rng.beta(0.3, 0.3, 20)
        interval = predict_future_seed(seeds, 1.0, 0.95)
        hits += interval["low"] <= future <= interval["high"]
    assert hits / 2000 >= 0.95 - 0.015


def test_solving_seeds_have_the_exact_binomial_interval():
    result = count_solving_seeds([1.8, 2.0, 1.79, 0, 2], 2.0, 0.95, 0.9)
    exact = stats.binomtest(3, 5).proportion_ci(0.95, "exact")
    assert (result["solved"], result["share"]) == (3, 0.6)
    assert (result["low"], result["high"]) == pytest.approx(tuple(exact))
    assert count_solving_seeds([0, 0], 2.0, 0.95, 0.9)["low"] == 0
    assert count_solving_seeds([2, 2], 2.0, 0.95, 0.9)["high"] == 1
    assert count_solving_seeds([2, 2], None, 0.95, 0.9)["share"] is None


def test_estimates_of_trained_policies_have_the_variation():
    data = table(
        trained("net", "m", {s: [s, s + 1] for s in range(1, 6)}), rows("base", "m", [3, 4])
    )
    result = analyse(data, ceilings={"m": 6.0}, solved_share=0.75)
    variation = only(result["estimates"], policy="net")["training_variation"]
    assert (variation["worst"], variation["best"], variation["n_seeds"]) == (1.5, 5.5, 5)
    assert variation["solving_seeds"]["solved"] == 2
    assert only(result["estimates"], policy="base")["training_variation"] is None
    with pytest.raises(ValueError, match="solved_share"):
        analyse(data, solved_share=1.5)
