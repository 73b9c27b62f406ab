"""Holm, equivalence, outcomes and units needed, against statsmodels and by hand."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from daf.stats import analyse, holm_adjust

from .episodes import only, rows, table, trained


def test_holm_against_statsmodels():
    rng = np.random.default_rng(1)
    for size in (1, 2, 7, 40):
        p = np.round(rng.beta(0.4, 2, size), 2)  # with ties
        expected = multipletests(p, method="holm")[1]
        assert holm_adjust(p) == pytest.approx(expected, abs=1e-12)


def episode_table(**scores):
    return table(*(rows(name, "m", values) for name, values in scores.items()))


def test_equivalence_of_fixed_policies_against_statsmodels():
    rng = np.random.default_rng(2)
    a = rng.normal(50, 3, 40)
    b = a + rng.normal(0.5, 3, 40)
    result = analyse(episode_table(a=a, b=b), ceilings={"m": 40}, equivalence_margin=0.05)
    pair = result["comparisons"][0]
    assert pair["margin"] == pytest.approx(2)
    assert pair["p_equivalence"] == pytest.approx(ttost_paired(a, b, -2, 2)[0], abs=1e-12)
    assert pair["outcome"] == "equivalent"
    assert pair["verdict"] == (
        "a and b are equivalent: they differ by less than 2.00 hearts per episode"
    )
    assert result["undecided_with"] and "It is equivalent to a" in result["verdict"]


def test_equivalence_of_methods_against_statsmodels():
    x, y = [10, 11, 9, 12, 10.5], [10.2, 10.4, 9.9, 11, 10, 9.7]
    data = table(
        trained("a", "m", {s: [v] for s, v in enumerate(x)}),
        trained("b", "m", {s: [v] for s, v in enumerate(y)}),
    )
    pair = analyse(data, ceilings={"m": 100}, equivalence_margin=0.03)["comparisons"][0]
    expected = ttost_ind(np.array(x), np.array(y), -3, 3, usevar="unequal")[0]
    assert pair["p_equivalence"] == pytest.approx(expected, abs=1e-12)
    assert pair["outcome"] == "equivalent" and pair["claim"].startswith("about the training method")


def test_no_equivalence_without_ceiling():
    result = analyse(episode_table(a=[1, 2, 3, 4], b=[1, 2, 3, 5]))
    pair = result["comparisons"][0]
    assert pair["margin"] is pair["p_equivalence"] is None
    assert pair["outcome"] == "undecided"
    assert result["equivalence"]["note"] == ("no verdict of equivalence on m: no known ceiling")


def test_significant_difference_within_margin():
    a = np.arange(64.0)
    pair = analyse(episode_table(a=a, b=a + 1 + a % 2 / 10), ceilings={"m": 100})["comparisons"][0]
    assert (pair["outcome"], pair["within_margin"]) == ("worse", True)
    assert pair["verdict"] == "b scores higher than a, but by less than 5.00 hearts per episode"


def test_equal_scores_need_many_episodes_for_equivalence():
    """Were 5 % of all worlds different, 58 equal ones would be met with 0.95^58 = 5.1 %."""
    for count, outcome in ((58, "undecided"), (59, "equivalent")):
        pair = analyse(episode_table(a=[7] * count, b=[7] * count), ceilings={"m": 10})
        assert pair["comparisons"][0]["outcome"] == outcome
        assert pair["comparisons"][0]["p_equivalence"] == pytest.approx(0.95**count)


@pytest.mark.parametrize("seeds, missing", [(2, 3), (4, 1)])
def test_few_seeds_are_not_tested(seeds, missing):
    many = {s: [50 + s, 51 + s] for s in range(6)}
    few = {s: [1 + s, 2] for s in range(seeds)}
    for opponent in (trained("many", "m", many), rows("many", "m", [50, 52])):
        result = analyse(table(trained("few", "m", few), opponent), ceilings={"m": 100})
        pair = result["comparisons"][0]
        assert pair["p"] is pair["p_t"] is pair["p_permutation"] is pair["p_holm"] is None
        assert (pair["outcome"], pair["decided"]) == ("not tested", None)
        assert pair["low"] < pair["difference"] < pair["high"]
        assert pair["forecast"] is pair["forecast_note"] is None
        assert f"a model-based test needs {missing} more training seed" in pair["verdict"]
        assert result["families"] == {"missions": 0, "overall": 0}
        assert result["best_policy_decided"] is False
        assert "needs 5 training seeds" in result["verdict"]
        assert only(result["policies"], policy="few")["seeds_missing"] == missing


def test_permutation_test_decides_if_possible():
    """5 seeds against 5 reach p = 2 / 252: enough for six pairs at 5 %, not for ten."""
    rng = np.random.default_rng(4)

    def result(policies):
        levels = rng.normal(0, 1, (policies, 5, 1)) + 20 * np.arange(policies)[:, None, None]
        parts = [trained(f"p{i}", "m", dict(enumerate(x))) for i, x in enumerate(levels)]
        return analyse(table(*parts))["comparisons"]

    assert {pair["method"] for pair in result(4)} == {"permutation of training seeds"}
    assert {pair["p"] for pair in result(4)} == {2 / 252}
    many = result(5)
    assert {pair["method"] for pair in many} == {"Welch's t on the means of the training seeds"}
    assert all(pair["p"] == pair["p_t"] < pair["p_permutation"] for pair in many)
    assert all(pair["decided"] for pair in many)


def test_family_of_against():
    rng = np.random.default_rng(5)
    data = table(*(rows(p, "m", rng.normal(i, 2, 8)) for i, p in enumerate("abcd")))
    every, some = analyse(data), analyse(data, against="b")
    assert (every["families"]["missions"], some["families"]["missions"]) == (6, 3)
    assert {(pair["a"], pair["b"]) for pair in some["comparisons"]} == {
        ("a", "b"),
        ("b", "c"),
        ("b", "d"),
    }
    expected = holm_adjust([pair["p"] for pair in some["comparisons"]])
    assert [pair["p_holm"] for pair in some["comparisons"]] == expected
    assert some["best_policy_decided"] is False and some["against"] == "b"
    assert "was not compared with a, c" in some["verdict"]
    assert analyse(data, against="gone")["comparisons"] == []


def test_zero_difference_is_never_decided():
    pair = analyse(episode_table(a=[1, 2, 3], b=[3, 2, 1]))["comparisons"][0]
    assert (pair["difference"], pair["forecast"]) == (0, None)
    assert pair["forecast_note"] == "no difference was observed"
    assert pair["verdict"] == "a and b: undecided"


def test_tied_policies_are_both_best():
    data = episode_table(a=[1, 3, 2, 2], b=[2, 2, 3, 1], c=[0, 0, 1, 0])
    result = analyse(data)
    assert result["best_policies"] == ["a", "b"]
    assert result["best_policy"] == "a, b"
    assert result["best_policy_decided"] is False
    assert "a and b share the highest mean on m" in result["verdict"]


def test_rank_intervals():
    rng = np.random.default_rng(6)
    worlds, noise = rng.normal(0, 1, 40), rng.permutation(np.linspace(-1, 1, 40))
    data = episode_table(top=worlds + 30.01, next=worlds + 30 + noise, low=worlds + 2 * noise)
    ranks = analyse(data)["ranking"]["overall"]
    assert [(r["policy"], r["rank_low"], r["rank_high"]) for r in ranks] == [
        ("top", 1, 2),
        ("next", 1, 2),
        ("low", 3, 3),
    ]
