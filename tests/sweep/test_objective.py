"""Objective of a sweep on missions with ceilings of different size."""

import pytest

from daf.config import ConfigError
from daf.missions import load_mission
from daf.stats.estimate import HEARTS, SHARE
from daf.sweep.conclude import conclude_sweep
from daf.sweep.objective import build_objective, compute_outcomes
from daf.sweep.rank import build_rounds_table, rank_trials
from daf.sweep.state import SweepPlan

from .sweeps import sweep
from .test_rank import entries, episodes

CEILINGS = {"m": 100.0, "n": 2.0}
SCORES = {  # trial -> run -> mission -> scores of episodes
    "clip-0.1": {"a1": {"m": [60, 60], "n": [0, 0]}},  # 30 hearts, share (0.6 + 0) / 2
    "clip-0.2": {"b1": {"m": [30, 50], "n": [2, 2]}},  # 21 hearts, share (0.4 + 1) / 2
    "clip-0.3": {"c1": {"m": [10, 10], "n": [1, 1]}},  # 5.5 hearts, share (0.1 + 0.5) / 2
}
OBJECTIVES = {"clip-0.2": 0.7, "clip-0.1": 0.3, "clip-0.3": 0.3}
CONFIG = sweep(search_space={"clip": [0.1, 0.2, 0.3]}, keep_best=1)


def test_missions_weigh_the_same():
    trials = rank_trials(CONFIG, [entries(SCORES)], episodes(SCORES), CEILINGS)
    assert trials["trial"].tolist() == list(OBJECTIVES)
    assert trials["objective"].tolist() == pytest.approx(list(OBJECTIVES.values()))
    assert trials["rank"].tolist() == [1, 2, 2]
    in_hearts = rank_trials(CONFIG, [entries(SCORES)], episodes(SCORES), {"m": None, "n": None})
    assert in_hearts["trial"].tolist() == ["clip-0.1", "clip-0.2", "clip-0.3"]
    assert in_hearts["objective"].tolist() == [30.0, 21.0, 5.5]


def test_missions_weigh_the_same_in_each_round_and_in_the_confirmation():
    objective = build_objective(CONFIG, CEILINGS)
    (outcomes,) = compute_outcomes([entries(SCORES)], episodes(SCORES), objective)
    assert [outcome.objective for outcome in outcomes] == pytest.approx([0.3, 0.7, 0.3])
    trials = rank_trials(CONFIG, [entries(SCORES)], episodes(SCORES), CEILINGS)
    rounds = build_rounds_table([entries(SCORES)], episodes(SCORES), objective)
    assert rounds["objective"].tolist() == pytest.approx([0.3, 0.7, 0.3])
    confirmed = {"clip-0.2": {"d5": {"m": [20, 40], "n": [1, 2]}}}  # share (0.3 + 0.75) / 2
    search = conclude_sweep(
        CONFIG, trials, rounds, entries(confirmed), episodes(confirmed), CEILINGS
    )
    assert search["score_unit"] == search["best"]["score_unit"] == SHARE
    assert search["best"]["objective"] == pytest.approx(0.7)
    finalist = search["best"]["confirmed"]
    assert finalist["score_unit"] == SHARE
    assert (finalist["mean"], finalist["optimism"]) == pytest.approx((0.525, 0.175))


def test_best_run_is_that_with_the_largest_share():
    scores = {
        "clip-0.1": {"a1": {"m": [60, 60], "n": [0, 0]}, "a2": {"m": [0, 0], "n": [2, 2]}},
        "clip-0.2": {"b1": {"m": [0, 0], "n": [0, 0]}, "b2": {"m": [0, 0], "n": [0, 0]}},
    }
    trials = rank_trials(CONFIG, [entries(scores)], episodes(scores), CEILINGS)
    assert (trials["objective"][0], trials["best_run"][0]) == (pytest.approx(0.4), "a2")


def test_single_mission_is_in_hearts():
    scores = {trial: {run: {"m": by_mission["m"]}} for trial, runs in SCORES.items()
              for run, by_mission in runs.items()}  # fmt: skip
    trials = rank_trials(CONFIG, [entries(scores)], episodes(scores), {"m": 100.0})
    assert trials["objective"].tolist() == [60.0, 40.0, 10.0]
    assert build_objective(CONFIG, {"m": 100.0}).score_unit == HEARTS
    moves = sweep(objective_metric="moves")
    assert build_objective(moves, {}).score_unit is None
    assert build_objective(moves, {}).name == "moves"


@pytest.mark.parametrize("missions", [1, 2])
def test_decided_differences_have_a_grade(missions):
    """Scores without any variation, which only the bounds of the scores separate."""
    ceilings = dict(list(CEILINGS.items())[:missions])
    scores = {
        f"clip-0.{number}": {
            f"{number}1": {name: [share * ceilings[name]] * 64 for name in ceilings}
        }
        for number, share in ((1, 0.9), (2, 0.1), (3, 0.9))
    }
    config = sweep(search_space={"clip": [0.1, 0.2, 0.3]})
    trials = rank_trials(config, [entries(scores)], episodes(scores), ceilings)
    assert trials["trial"].tolist() == ["clip-0.1", "clip-0.3", "clip-0.2"]
    assert trials["tied"].tolist() == [True, True, False]
    assert trials["grade"].fillna("").tolist() == ["", "", "decided, distribution-free"]
    rounds = build_rounds_table(
        [entries(scores)], episodes(scores), build_objective(config, ceilings)
    )
    search = conclude_sweep(config, trials, rounds, entries(scores), episodes(scores), ceilings)
    assert search["best"]["grade"] is None and search["best"]["tied_with"] == ["clip-0.3"]
    comparison = next(
        item["to_best"] for item in search["confirmation"] if item["trial"] == "clip-0.2"
    )
    free, scale = comparison["distribution_free"], 100.0 if missions == 1 else 1.0
    assert comparison["grade"] == "decided, distribution-free"
    assert free["difference"] == pytest.approx(0.8 * scale)
    assert comparison["score_unit"] == (HEARTS if missions == 1 else SHARE)
    two = {name: runs for name, runs in scores.items() if name != "clip-0.3"}
    trials = rank_trials(config, [entries(two)], episodes(two), ceilings)
    rounds = rounds[rounds["trial"] != "clip-0.3"]
    best = conclude_sweep(config, trials, rounds, [], None, ceilings)["best"]
    assert best["grade"] == "decided, distribution-free"


def test_ceiling_of_some_missions_only():
    def load(name):
        mission = load_mission(name)
        changes = {"ceiling": None if name == "assembler_1" else mission.ceiling}
        return mission.model_copy(update=changes)

    config = sweep(missions=["assembler_1", "assembler_2"])
    with pytest.raises(ConfigError) as error:
        SweepPlan(config, "s.yaml", load)
    message = "s.yaml: key 'missions': mission assembler_1 has no ceiling above 0; expected"
    assert f"{error.value}".startswith(message) and "\n" not in f"{error.value}"
    assert SweepPlan(sweep(missions=["assembler_1"]), "s.yaml", load).ceilings == {
        "assembler_1": None
    }
    moves = sweep(missions=["assembler_1", "assembler_2"], objective_metric="moves")
    assert SweepPlan(moves, "s.yaml", load).ceilings == {}
    assert SweepPlan(config).ceilings == {"assembler_1": 61.0, "assembler_2": 99.0}


@pytest.mark.parametrize("missions", [1, 2])
def test_intervals_do_not_exceed_the_ceiling(missions):
    ceilings = dict(list(CEILINGS.items())[:missions])
    scores = {
        "clip-0.1": {
            f"1{number}": {name: [share * ceiling] * 4 for name, ceiling in ceilings.items()}
            for number, share in enumerate((1.0, 0.8))
        },
        "clip-0.2": {
            f"2{number}": {name: [share * ceiling] * 4 for name, ceiling in ceilings.items()}
            for number, share in enumerate((0.0, 0.2))
        },
    }
    config = sweep(search_space={"clip": [0.1, 0.2]}, training_seeds=[0, 1])
    trials = rank_trials(config, [entries(scores)], episodes(scores), ceilings)
    best, other = trials.to_dict("records")
    assert best["high"] == (ceilings["m"] if missions == 1 else 1.0) and other["low"] == 0
    assert best["low"] < best["objective"] and other["high"] > other["objective"]
    without = rank_trials(config, [entries(scores)], episodes(scores), dict.fromkeys(ceilings))
    assert without["high"][0] > max(ceilings.values()) and without["low"][1] < 0
