"""The whole analysis: order, degenerate tables, refusals, rankings and verdicts."""

import json

import numpy as np
import pandas as pd
import pytest

from daf.stats import analyse

from .episodes import only, rows, table, trained


def full_table():
    rng = np.random.default_rng(5)
    parts = []
    for mission, level in (("a", 10), ("b", 40)):
        seeds = {s: rng.normal(level + 5, 1, 6) for s in (1, 2, 3)}
        parts += [trained("net", mission, seeds), trained("one", mission, {9: seeds[1] - 3})]
        parts += [rows("base", mission, rng.normal(level, 1, 6))]
    return table(*parts)


def text(result):
    return json.dumps(result, allow_nan=False, sort_keys=True)


def test_result_is_json_and_does_not_depend_on_the_order_of_rows():
    data = full_table()
    expected = text(analyse(data))
    assert json.loads(expected)
    for seed in range(3):
        shuffled = data.sample(frac=1, random_state=seed)
        assert text(analyse(shuffled)) == expected
    assert text(analyse(data[data.columns[::-1]])) == expected


def test_input_is_not_changed():
    data = full_table()
    before = data.copy(deep=True)
    analyse(data)
    pd.testing.assert_frame_equal(data, before)


def test_units_follow_the_number_of_training_seeds():
    result = analyse(full_table())
    units = {
        item["policy"]: (item["unit"], item["n_training_seeds"]) for item in result["policies"]
    }
    assert units == {"net": ("training_seed", 3), "one": ("episode", 1), "base": ("episode", 0)}


def test_training_seed_may_arrive_as_float_or_object():
    data = full_table()
    expected = text(analyse(data))
    assert text(analyse(data.astype({"training_seed": "float64"}))) == expected
    assert text(analyse(data.astype({"training_seed": object}))) == expected


def test_ranking_shares_ties():
    data = table(*(rows(p, "m", s) for p, s in (("c", [5, 7]), ("b", [6, 6]), ("a", [1, 2]))))
    ranks = [(i["rank"], i["policy"]) for i in analyse(data)["ranking"]["missions"]["m"]]
    assert ranks == [(1, "b"), (1, "c"), (3, "a")]


def test_clear_winner_is_decided():
    good, bad = [90, 91, 92, 93], [10, 12, 11, 9]
    result = analyse(table(rows("good", "m", good), rows("bad", "m", bad)))
    assert result["best_policy"] == "good"
    assert result["best_policy_decided"] is True
    assert result["undecided_with"] == []
    assert result["verdict"].startswith("good is the best policy on m: 91.5 hearts per episode, ")
    assert "decided at the 95 % level, if episodes vary like those seen" in result["verdict"]


def test_close_race_is_undecided():
    data = table(
        rows("x", "m", [5, 9, 4]), rows("y", "m", [6, 5, 6]), rows("z", "m", [-90, -91, -92])
    )
    result = analyse(data)
    assert result["best_policy"] == "x"
    assert result["best_policy_decided"] is False
    assert result["undecided_with"] == ["y"]
    assert "Its lead over y is not decided at the 95 % level" in result["verdict"]


def test_single_seed_claims_weights_only():
    verdict = analyse(rows("one", "m", [1, 2, 3], seed=4))["verdict"]
    assert "a claim about its weights, not its method" in verdict
    assert "only policy" in verdict


@pytest.mark.parametrize("score", [0.0, 7.0, 0.1])
def test_no_variation_is_noted(score):
    data = table(
        trained("net", "m", {s: [score] * s for s in (1, 2, 3, 4, 5)}),
        rows("same", "m", [score] * 9),
        rows("higher", "m", [score + 1] * 9),
    )
    result = analyse(data, ceilings={"m": 10.0})
    item = only(result["estimates"], policy="net")
    assert item["low"] == item["mean"] == item["high"]
    for key in ("median", "median_low", "median_high", "iqm", "iqm_low", "iqm_high"):
        assert item[key] == pytest.approx(score)
    assert item["sd"] == 0
    equal = only(result["comparisons"], a="net", b="same")
    assert (equal["difference"], equal["p"], equal["decided"]) == (0, 1, False)
    assert equal["effect_size"] is None
    # Were 1 case in 20 different by as much as the ceiling, 5 equal seeds would be no surprise.
    assert equal["p_equivalence"] == pytest.approx(0.95**5)
    unequal = only(result["comparisons"], a="higher", b="same")
    assert unequal["p"] == pytest.approx(2 / 2**9)  # nine worlds, all with the same sign
    assert unequal["decided"] is True
    for estimate in (item, equal, unequal):
        assert "no variation observed" in estimate["note"]
    text(result)


def test_few_equal_differences_are_undecided():
    pair = analyse(table(rows("a", "m", [1, 1, 1]), rows("b", "m", [0, 0, 0])))["comparisons"][0]
    assert (pair["p"], pair["decided"]) == (0.25, False)
    assert pair["forecast"] == {
        "training_seeds": None,
        "episodes": [6, 6],
    }  # 2 / 2^6 < 0.05 < 2 / 2^5
    assert pair["verdict"].endswith("about 6 episodes per mission per policy in all may decide it")


def test_one_episode_gives_null():
    result = analyse(table(rows("a", "m", [3]), rows("b", "m", [5])))
    item, pair = result["estimates"][0], result["comparisons"][0]
    assert item["mean"] == 3
    assert item["sd"] is item["low"] is item["high"] is None
    assert pair["difference"] == -2
    assert pair["low"] is pair["p"] is pair["p_holm"] is pair["decided"] is None
    assert "one observation only" in item["note"] and "one observation only" in pair["note"]
    assert result["families"] == {"missions": 0, "overall": 0}
    assert result["best_policy"] == "b" and result["best_policy_decided"] is False
    text(result)


def test_missing_evaluation_is_reported():
    data = table(
        rows("a", "easy", [50, 51, 52]),
        rows("a", "hard", [1, 2, 3]),
        rows("b", "hard", [4, 4, 5]),
    )
    result = analyse(data)
    assert result["missing"] == [{"policy": "b", "mission": "easy"}]
    assert result["overall_missions"] == ["hard"]
    assert [pair["mission"] for pair in result["comparisons"]] == ["hard"]
    assert result["best_policy"] == "b"
    assert only(result["overall"], policy="a")["mean"] == 2


def test_no_shared_mission():
    result = analyse(table(rows("a", "x", [1, 2]), rows("b", "y", [3, 4])))
    assert result["overall"] == result["comparisons"] == []
    assert result["best_policy"] is None
    assert "No mission" in result["verdict"]
    text(result)


def test_incomplete_run_is_excluded_overall():
    data = table(
        trained("net", "a", {1: [1, 2], 2: [3, 4], 3: [5, 6]}),
        trained("net", "b", {1: [1, 2], 2: [3, 4]}),
    )
    item = only(analyse(data)["overall"], policy="net")
    assert item["mean"] == pytest.approx(2.5)
    assert item["n_units"] == 2
    assert "left out" in item["note"]


def broken(change):
    data = table(rows("a", "m", [1, 2, 3]), rows("b", "m", [3, 2, 1]))
    return change(data)


def with_value(column, value):
    def change(data):
        data = data.astype({column: object})
        data.loc[4, column] = value
        return data

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.iloc[:0], ["no rows"]),
        (lambda d: d.drop(columns="world_seed"), ["world_seed", "missing"]),
        (with_value("score", float("nan")), ["score", "finite", "'b'", "'m'"]),
        (with_value("score", float("inf")), ["score", "finite", "'b'", "'m'"]),
        (with_value("score", "many"), ["score", "numbers"]),
        (with_value("policy", None), ["policy", "text"]),
        (with_value("mission", 3), ["mission", "text"]),
        (with_value("episode", None), ["episode", "empty", "'b'"]),
        (with_value("episode", 0.5), ["episode", "whole numbers"]),
        (with_value("episode", 0), ["episode", "twice", "'b'"]),
        (with_value("world_seed", 100), ["world seed", "twice", "'b'"]),
        (with_value("training_seed", 1), ["'b'", "more than one training_seed"]),
        (lambda d: d.assign(run="x"), ["'x'", "more than one policy"]),
        (lambda d: d.assign(policy="p"), ["two runs", "'p'"]),
        (
            lambda d: table(d, rows("a", "m", [1, 2], seed=1, run="r")),
            ["'a'", "training_seed in some runs"],
        ),
    ],
)
def test_invalid_tables_are_refused(change, words):
    with pytest.raises(ValueError) as caught:
        analyse(broken(change))
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize("confidence", [0, 1, -1, 2, float("nan")])
def test_confidence_is_checked(confidence):
    with pytest.raises(ValueError, match="confidence"):
        analyse(full_table(), confidence=confidence)
