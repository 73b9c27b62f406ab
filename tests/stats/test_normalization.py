"""Overall results on a common scale of missions with different ceilings."""

import pandas as pd
import pytest

from daf.stats.analyse import analyse
from daf.stats.estimate import HEARTS, SHARE
from daf.stats.normalization import choose_overall_scale
from tests.stats.episodes import only, rows, table, trained

CEILINGS = {"large": 99.0, "small": 2.0}


def two_missions(**scores):
    """Return 8 equal episodes of each policy on each mission: {policy: (large, small)}."""
    return table(*(
        rows(policy, mission, [score] * 8)
        for policy, values in scores.items()
        for mission, score in zip(CEILINGS, values)
    ))  # fmt: skip


def test_half_of_a_small_ceiling_weighs_as_much_as_half_of_a_large_one():
    result = analyse(two_missions(a=(99, 1), b=(49.5, 2)), ceilings=CEILINGS)
    assert [(i["policy"], i["mean"], i["score_unit"]) for i in result["overall"]] == [
        ("a", 0.75, SHARE), ("b", 0.75, SHARE)
    ]  # fmt: skip
    assert result["best_policies"] == ["a", "b"]
    assert result["overall_score_unit"] == SHARE and result["score_unit"] == HEARTS
    assert result["comparisons_overall"][0]["difference"] == 0


def test_small_ceiling_decides_the_ranking():
    result = analyse(two_missions(a=(99, 0), b=(66, 1.5)), ceilings=CEILINGS)
    assert result["best_policy"] == "b"
    assert only(result["overall"], policy="b")["mean"] == pytest.approx((66 / 99 + 1.5 / 2) / 2)
    assert only(result["estimates"], policy="a", mission="large")["mean"] == 99
    assert "b has the highest mean over 2 missions: 70.8 % of the ceiling" in result["verdict"]
    pair = result["comparisons_overall"][0]
    assert (pair["outcome"], pair["forecast"]) == ("undecided", None)


def test_verdict_names_points_of_the_ceiling():
    data = table(*(
        rows(policy, mission, [low, high] * 16)
        for policy, mission, low, high in (
            ("a", "large", 98, 99), ("b", "large", 50, 60),
            ("a", "small", 1, 2), ("b", "small", 0, 1),
        )
    ))  # fmt: skip
    verdict = analyse(data, ceilings=CEILINGS)["verdict"]
    assert verdict.startswith("a is the best policy over 2 missions: 87.2 % of the ceiling, ")
    assert "47.0 percentage points more than b (95 % interval " in verdict


def test_mission_without_a_ceiling_is_left_out():
    data = two_missions(a=(99, 0), b=(0, 1))
    result = analyse(data, ceilings={"large": 99.0, "small": None})
    assert (result["overall_missions"], result["overall_left_out"]) == (["large"], ["small"])
    assert {i["policy"]: i["mean"] for i in result["overall"]} == {"a": 1, "b": 0}
    assert result["missions"] == ["large", "small"]


def test_without_any_ceiling_overall_scores_are_hearts():
    result = analyse(two_missions(a=(99, 0), b=(0, 1)))
    assert result["overall_score_unit"] == HEARTS and result["overall_left_out"] == []
    assert {i["policy"]: i["mean"] for i in result["overall"]} == {"a": 49.5, "b": 0.5}
    assert "49.5 hearts per episode" in result["verdict"]


def test_single_mission_has_a_verdict_in_hearts():
    data = table(rows("a", "m", [2.0, 1.9] * 20), rows("b", "m", [0.5, 1.0] * 20))
    result = analyse(data, ceilings={"m": 2.0})
    assert only(result["overall"], policy="a")["mean"] == pytest.approx(1.95 / 2)
    assert result["verdict"].startswith("a is the best policy on m: 1.95 hearts per episode, 1.20")


def test_seeds_keep_their_correlation_between_missions():
    """The overall value of a seed is the mean of its two shares."""
    parts = [trained("net", "large", {s: [99 * s / 4] * 2 for s in range(5)})]
    parts += [trained("net", "small", {s: [2 - s / 2] * 2 for s in range(5)})]
    estimate = analyse(table(*parts), ceilings=CEILINGS)["overall"][0]
    assert estimate["mean"] == 0.5 and estimate["sd"] == pytest.approx(0, abs=1e-12)


def test_scale_ignores_unknown_ceilings():
    scale = choose_overall_scale(["a", "b", "c"], {"a": 10.0, "b": 0.0})
    assert (scale.missions, scale.left_out, scale.ceiling) == (["a"], ["b", "c"], 1.0)
    episodes = pd.DataFrame({"mission": ["a", "b"], "score": [5.0, 7.0]})
    assert scale.select_missions_and_normalize_scores(episodes)["score"].tolist() == [0.5]
