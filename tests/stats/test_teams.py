"""Teams: values and matrices by hand and against scipy."""

import numpy as np
import pytest
from scipy import stats

from daf.stats import analyse
from daf.stats.estimate import SHARE
from daf.stats.teams import analyse_teams, compute_cross_play, value_over_replacement

from .episodes import only, rows, table, trained


def t_interval(values):
    return stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))


def test_value_over_replacement_is_a_paired_difference_per_agent():
    team, pure = [9, 7, 8, 12], [3, 5, 4, 4]
    result = value_over_replacement(
        rows("mixed", "m", team), rows("pure", "m", pure), controlled_agents_by_mission={"m": 2}
    )
    low, high = t_interval(np.subtract(team, pure) / 2)
    assert (result["value"], result["low"], result["high"]) == pytest.approx((2.5, low, high))
    assert (result["unit"], result["method"]) == ("episode", "paired t over worlds")
    assert result["claim"] == "about these weights"


def test_agents_by_mission():
    team = table(rows("mixed", "m", [8, 10]), rows("mixed", "n", [9, 12]))
    pure = table(rows("pure", "m", [4, 4]), rows("pure", "n", [3, 3]))
    result = value_over_replacement(team, pure, controlled_agents_by_mission={"m": 1, "n": 3})
    assert result["value"] == pytest.approx((5 + 2.5) / 2)


def test_trained_over_fixed_policy_has_two_error_terms():
    """The variance of the seeds' means, and that of the mean difference in each world."""
    team = trained("mixed", "m", {1: [10, 12], 2: [14, 18], 3: [20, 22]})
    result = value_over_replacement(
        team, rows("pure", "m", [2, 4]), controlled_agents_by_mission={"m": 2}
    )
    of_seeds = np.array([11, 16, 21]) / 2
    of_worlds = (np.mean([[10, 12], [14, 18], [20, 22]], axis=0) - [2, 4]) / 2
    error = of_seeds.var(ddof=1) / 3 + of_worlds.var(ddof=1) / 2
    df = error**2 / ((of_seeds.var(ddof=1) / 3) ** 2 / 2 + (of_worlds.var(ddof=1) / 2) ** 2)
    half = stats.t.ppf(0.975, df) * np.sqrt(error)
    assert result["value"] == pytest.approx(6.5)
    assert (result["low"], result["high"]) == pytest.approx((6.5 - half, 6.5 + half))
    assert result["claim"] == "about a training method against fixed weights"
    assert result["n_training_seeds"] == 3


def test_shared_seeds_are_paired():
    """Differences between seeds affect team and replacements equally and cancel in the pairs."""
    team = trained("mixed", "m", {1: [11, 13], 2: [52, 54], 3: [94, 94]})
    pure = trained("pure", "m", {1: [9, 11], 2: [48, 54], 3: [90, 90]})
    result = value_over_replacement(team, pure, controlled_agents_by_mission={"m": 1})
    low, high = t_interval([2, 2, 4])
    assert (result["value"], result["low"], result["high"]) == pytest.approx((8 / 3, low, high))
    assert (result["unit"], result["method"]) == ("training_seed", "paired t over training seeds")
    part = value_over_replacement(
        team, pure[pure["training_seed"] != 2], controlled_agents_by_mission={"m": 1}
    )
    assert (part["value"], part["n_training_seeds"]) == (3, 2), "a seed that failed is left out"
    single = value_over_replacement(
        team, pure[pure["training_seed"] == 2], controlled_agents_by_mission={"m": 1}
    )
    assert (single["value"], single["claim"]) == (2, "about these weights")
    opponent = trained("pure", "m", {7: [1, 2], 8: [1, 2]})
    unknown = value_over_replacement(team, opponent, controlled_agents_by_mission={"m": 1})
    assert (unknown["value"], unknown["low"], unknown["n_training_seeds"]) == (None, None, 0)
    assert unknown["note"] == "no common training seed"


def test_value_of_one_episode_has_no_interval():
    result = value_over_replacement(
        rows("a", "m", [5]), rows("b", "m", [3]), controlled_agents_by_mission={"m": 1}
    )
    assert (result["value"], result["low"], result["high"]) == (2, None, None)
    assert "one observation only" in result["note"]


def test_mismatched_tables_are_refused():
    a, b = rows("a", "m", [1, 2]), rows("b", "other", [1, 2])
    with pytest.raises(ValueError, match="missions differ: team m; replacement other"):
        value_over_replacement(a, b, controlled_agents_by_mission={"m": 1})
    with pytest.raises(ValueError, match="agents: got 0"):
        value_over_replacement(a, a, controlled_agents_by_mission={"m": 0})


def test_cross_play_matrix():
    data = table(
        rows("aa", "m", [10, 12, 14]), rows("ab", "m", [3, 4, 8]), rows("bb", "m", [6, 6, 6])
    )
    result = compute_cross_play(data, {"aa": ("a", "a"), "ab": ("b", "a"), "bb": ("b", "b")})
    assert [(pair["a"], pair["b"], pair["mean"]) for pair in result["pairs"]] == [
        ("a", "a", 12), ("a", "b", 5), ("b", "b", 6)
    ]  # fmt: skip
    mixed = only(result["pairs"], a="a", b="b")
    assert (mixed["low"], mixed["high"]) == pytest.approx(t_interval([3, 4, 8]))
    for policy, differences in (("a", [7, 8, 6]), ("b", [3, 2, -2])):
        gap = only(result["gaps"], policy=policy)
        assert gap["gap"] == pytest.approx(np.mean(differences))
        assert (gap["low"], gap["high"]) == pytest.approx(t_interval(differences))


def test_gap_to_trained_and_fixed_policies():
    """Policy a is trained, b and c are fixed; the units of a pair with a are its training seeds."""
    pairings = {"ab": ("a", "b"), "ac": ("a", "c"), "bc": ("b", "c")} | {p: (p, p) for p in "abc"}
    data = table(
        trained("a", "m", {1: [10, 12], 2: [20, 24]}),
        trained("ab", "m", {1: [4, 6], 2: [8, 12]}),
        trained("ac", "m", {1: [2, 4], 2: [6, 2]}),
        rows("b", "m", [9, 11]),
        rows("c", "m", [1, 2]),
        rows("bc", "m", [5, 9]),
    )
    result = compute_cross_play(data, pairings)
    a = only(result["gaps"], policy="a")
    differences = [11 - (5 + 3) / 2, 22 - (10 + 4) / 2]
    assert (a["gap"], a["method"]) == (np.mean(differences), "paired t over training seeds")
    assert (a["low"], a["high"]) == pytest.approx(t_interval(differences))
    b = only(result["gaps"], policy="b")
    assert b["gap"] == pytest.approx(10 - (7.5 + 7) / 2)
    assert b["claim"] == "about a training method against fixed weights"
    assert (a["n_training_seeds"], b["n_training_seeds"]) == (2, 2)
    assert only(result["gaps"], policy="c")["low"] is not None


def test_missing_pairings_stay_empty():
    result = compute_cross_play(rows("ab", "m", [1, 3]), {"ab": ("a", "b")})
    assert [(pair["a"], pair["b"], pair["mean"]) for pair in result["pairs"]] == [("a", "b", 2)]
    assert result["gaps"] == []


def test_bad_pairings_are_named():
    data = table(rows("x", "m", [1, 2]), rows("y", "m", [1, 2]))
    with pytest.raises(ValueError, match="unknown pairing 'y' in the table"):
        compute_cross_play(data, {"x": ("a", "b")})
    with pytest.raises(ValueError, match="duplicate pairing of a and b"):
        compute_cross_play(data, {"x": ("a", "b"), "y": ("b", "a")})
    data = table(data, rows("x", "other", [1]))
    with pytest.raises(ValueError, match="pairing 'y': no episodes on other"):
        compute_cross_play(data, {"x": ("a", "b"), "y": ("a", "a")})


QUESTIONS = {
    "teams": {
        "a + b": {"m": {"a": 2, "b": 2}, "n": {"a": 3, "b": 3}},
        "3 a + 1 b": {"m": {"a": 3, "b": 1}, "n": {"a": 5, "b": 1}},
    },
    "mixed": ["3 a + 1 b"],
    "replacement": "b",
    "valued": {"a": "a + b"},
    "pairs": {"a + b": ["a", "b"]},
}


def example_table():
    return table(*(
        rows(name, mission, np.add(scores, shift))
        for mission, shift in (("m", 0), ("n", 6))
        for name, scores in (
            ("a", [8, 10]), ("b", [4, 4]), ("a + b", [5, 9]), ("3 a + 1 b", [6, 8])
        )
    ))  # fmt: skip


def test_team_statistics_by_mission_and_overall():
    result = analyse_teams(example_table(), QUESTIONS, 0.95, {})
    assert result["teams"] == QUESTIONS["teams"] and result["replacement"] == "b"
    assert [(item["mission"], item["mean"]) for item in result["mixed"]] == [
        (None, 10), ("m", 7), ("n", 13)
    ]  # fmt: skip
    values = {item["mission"]: item["value"] for item in result["values"]}
    assert values == pytest.approx({"m": 3 / 2, "n": 3 / 3, None: (3 / 2 + 1) / 2})
    assert [(i["a"], i["b"], i["mean"]) for i in result["pairs"] if i["mission"] == "n"] == [
        ("a", "a", 15), ("a", "b", 13), ("b", "b", 10)
    ]  # fmt: skip
    gaps = [(i["policy"], i["gap"]) for i in result["gaps"] if i["mission"] is None]
    assert gaps == [("a", 2), ("b", -3)]


def test_overall_team_scores_are_shares_of_the_ceiling():
    result = analyse_teams(example_table(), QUESTIONS, 0.95, {"m": 10, "n": 20})
    assert result["overall_score_unit"] == SHARE
    overall = [item for item in result["mixed"] if item["mission"] is None]
    assert [item["score_unit"] for item in overall] == [SHARE]
    assert overall[0]["mean"] == pytest.approx((7 / 10 + 13 / 20) / 2)
    values = {item["mission"]: item["value"] for item in result["values"]}
    assert values == pytest.approx({"m": 3 / 2, "n": 3 / 3, None: (3 / 2 / 10 + 1 / 20) / 2})


def test_failed_evaluations_affect_only_their_statistics():
    data = example_table()
    lost = data[(data["policy"] != "a + b") | (data["mission"] != "n")]
    result = analyse_teams(lost, QUESTIONS, 0.95, {})
    assert [item["mission"] for item in result["values"]] == [None, "m"]
    assert result["values"][0]["value"] == result["values"][1]["value"] == 1.5
    assert [(i["a"], i["b"]) for i in result["pairs"] if i["mission"] == "n"] == [
        ("a", "a"), ("b", "b")
    ]  # fmt: skip
    assert analyse_teams(data[data["policy"] == "a"], QUESTIONS, 0.95, {})["values"] == []


def test_teams_are_excluded_from_comparisons():
    alone = example_table()[example_table()["policy"].isin(["a", "b"])]
    without, with_teams = analyse(alone), analyse(example_table(), teams=QUESTIONS)
    assert without["teams"] is None
    assert with_teams | {"teams": None} == without
    assert with_teams["teams"] == analyse_teams(example_table(), QUESTIONS, 0.95, {})
