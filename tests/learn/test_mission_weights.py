"""Scores of runs on missions with ceilings of different size."""

import math

import numpy as np
import pytest
import torch

from daf.audit.learning_curve import find_curve_mismatch
from daf.learn.collector import RolloutCollector
from daf.learn.curriculum import build_curriculum
from daf.learn.evaluation import TrainingEvaluator
from daf.learn.train import train
from daf.learn.trainer import Trainer
from daf.missions import load_mission
from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.missions.score_shares import multi_mission_share_divisors, select_divisors
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.registry import PolicySpec
from daf.sim.counters import HEARTS_STORED

from .runs import make_curriculum_run, make_run

MISSIONS = ("assembler_1", "training_facility_1")
LARGE, SMALL = 61.0, 2.0
"""Ceilings of the two missions."""
STEPS = 80
"""Agent-steps of an update."""


def evaluation_with(monkeypatch, hearts):
    """Let the episodes of each evaluation have these scores, by mission."""
    remaining = [torch.tensor(scores) for scores in hearts]
    monkeypatch.setattr(
        TrainingEvaluator, "_play_episodes", lambda *arguments: remaining.pop(0).clone()
    )


def make_two_mission_run(**training):
    shape = {"worlds": 2, "rollout_length": 16, "steps": 3 * STEPS}
    return make_run("stateless", MISSIONS, **shape, evaluate_every=STEPS, **training)


def test_ceilings():
    missions = [load_mission(name) for name in MISSIONS]
    assert list(map(choose_declared_or_proven_ceiling, missions)) == [LARGE, SMALL]
    assert multi_mission_share_divisors(missions) == dict(zip(MISSIONS, (LARGE, SMALL)))
    assert multi_mission_share_divisors(missions[:1]) is None
    # No episode of a mission without steps scores.
    idle = missions[0].model_copy(update={"name": "idle", "max_steps": 1, "ceiling": None})
    divisors = multi_mission_share_divisors([idle, missions[1]])
    assert divisors and math.isnan(divisors["idle"])
    assert select_divisors(divisors, ["idle"]) == [math.inf]
    assert select_divisors(divisors, divisors)[1] == SMALL


def test_evaluation_weighs_missions_the_same(monkeypatch):
    run = make_two_mission_run(evaluate_episodes=2)
    evaluation_with(monkeypatch, [[30, 31], [1, 2]])
    result = TrainingEvaluator(run, Trainer(run).policy, "cpu").evaluate()
    assert result["eval_score/assembler_1"] == 30.5
    assert result["eval_score/training_facility_1"] == 1.5
    assert result["eval_score"] == (30.5 / LARGE + 1.5 / SMALL) / 2 == 0.625
    # var() / n is 0.25 hearts for both.
    error = math.sqrt(0.25 / LARGE**2 + 0.25 / SMALL**2) / 2
    assert result["eval_standard_error"] == pytest.approx(error)


def test_best_weights_weigh_missions_the_same(monkeypatch):
    """Means in hearts are 15.25, 12.5 and 15.5; shares are 0.25, 0.7 and 0.508."""
    run = make_two_mission_run(evaluate_episodes=2, keep_best="eval_score")
    hearts = [[30, 31], [0, 0], [24, 25], [1, 2], [31, 31], [1, 1]]
    evaluation_with(monkeypatch, [scores for scores in hearts])
    result = train(run)
    expected = [(30.5 / LARGE) / 2, (24.5 / LARGE + 0.75) / 2, (31 / LARGE + 0.5) / 2]
    assert result.metrics["eval_score"].tolist() == pytest.approx(expected)
    assert result.run_json["weights_steps"] == result.metrics["steps"][1]
    assert find_curve_mismatch(result.metrics, run) is None
    in_hearts = result.metrics.assign(eval_score=[15.25, 13.0, 16.0])
    assert "column 'eval_score': is not a mean" in f"{find_curve_mismatch(in_hearts, run)}"


def test_early_stop_weighs_missions_the_same(monkeypatch):
    run = make_two_mission_run(evaluate_episodes=2, stop_when={"eval_score": 0.7})
    evaluation_with(monkeypatch, [[61, 61], [0, 0], [30, 31], [2, 2], [0, 0], [0, 0]])
    result = train(run)
    assert result.metrics["eval_score"].tolist() == [0.5, 0.75]
    assert result.run_json["stopped_early"]
    assert find_curve_mismatch(result.metrics, run) is None


def test_training_score_weighs_missions_the_same():
    missions = [load_mission(name) for name in MISSIONS]
    run = make_two_mission_run()
    policy = make_policy(PolicySpec("stateless"), Game.of(*missions))
    divisors = build_curriculum(run)[0].share_divisors
    scores = {}
    for key, share_divisors_of_run in (("shares", divisors), ("hearts", None)):
        collector = RolloutCollector(
            policy, missions, run.training, 0, "cpu", share_divisors=share_divisors_of_run
        )
        for simulation, hearts in zip(collector.simulations, (30, 1)):
            simulation.state.episode.add_(2)
            simulation.finished_counters[:, HEARTS_STORED] = hearts
        mean, *by_mission = collector.episode_scores.pop_overall_and_mission_means().tolist()
        assert by_mission == [30, 1]
        scores[key] = mean
        assert collector.episode_scores.pop_overall_and_mission_means().isnan().all()
    assert scores == {"hearts": 15.5, "shares": (30 / LARGE + 1 / SMALL) / 2}


def test_stages_of_a_curriculum_have_shares():
    run = make_curriculum_run()
    assert [stage.share_divisors for stage in build_curriculum(run)] == [[61.0], [100.0]]


def test_audit_of_training_scores():
    run = make_run("stateless", MISSIONS, max_steps=40)
    metrics = train(run).metrics
    assert metrics["score"].notna().any() and find_curve_mismatch(metrics, run) is None
    columns = [f"score/{name}" for name in MISSIONS]
    has_both = metrics[columns].notna().all(axis=1)
    assert has_both.any()
    row = metrics.index[has_both][0]
    forged = metrics.copy()
    forged.loc[row, columns] = [1.0, 0.0]
    divisors = multi_mission_share_divisors(run.missions)
    assert divisors is not None
    shares = [1.0 / divisors[MISSIONS[0]], 0.0 / divisors[MISSIONS[1]]]
    for score, is_valid in ((np.nanmean(shares), True), (0.9 * np.nanmean(shares), False)):
        forged.loc[row, "score"] = score
        assert (find_curve_mismatch(forged, run) is None) == is_valid
