"""Estimated resources of jobs against measured ones."""

import pytest

from daf.cluster.job_resources import (
    estimate_colocated_host_memory_mb,
    estimate_colocated_minutes,
    estimate_evaluation_host_memory_mb,
    estimate_evaluation_minutes,
    estimate_run_host_memory_mb,
    estimate_run_minutes,
)
from daf.config import BenchmarkConfig
from daf.plan import make_plan


def plan(mission: str, policy: str = "stateless", episodes: int = 64, **training):
    config = {
        "policies": [policy],
        "missions": [mission],
        "training_seeds": [1],
        "training": training,
        "evaluation": {"episodes": episodes},
    }
    return make_plan(BenchmarkConfig.parse(config, "test"), "test")


# Peak resident memory in MB of 2 updates, or of some steps of 64 episodes; CPU, 1 thread.
TRAININGS = [
    ({"mission": "assembler_2", "worlds": 64, "rollout_length": 32}, 603),
    ({"mission": "assembler_2", "worlds": 1024, "rollout_length": 32}, 743),
    ({"mission": "assembler_2", "worlds": 2048, "rollout_length": 64}, 1183),
    ({"mission": "assembler_2", "worlds": 1024, "rollout_length": 32, "policy": "lstm"}, 906),
    ({"mission": "machina_3", "worlds": 64, "rollout_length": 32}, 625),
]
EVALUATIONS = [("assembler_2", 507), ("machina_3", 540), ("machina_1@1-100", 604)]


@pytest.mark.parametrize("shape, measured", TRAININGS)
def test_memory_of_a_run(shape, measured):
    [run] = plan(**shape).runs.values()
    assert 1.3 * measured < estimate_run_host_memory_mb(run, num_gpus=0) < 3 * measured
    assert estimate_run_host_memory_mb(run, num_gpus=1) > estimate_run_host_memory_mb(
        run, num_gpus=0
    )


@pytest.mark.parametrize("mission, measured", EVALUATIONS)
def test_memory_of_an_evaluation(mission, measured):
    planned = plan(mission)
    config = planned.config.evaluation.model_copy(update={"recorded_episodes": 0})
    needed = estimate_evaluation_host_memory_mb([planned.missions[mission]], config, num_gpus=0)
    assert 1.3 * measured < needed < 3 * measured


def test_time_of_runs_and_evaluations():
    [run] = plan("assembler_2", steps=4_000_000).runs.values()
    assert estimate_run_minutes(run) == 10 + 14
    planned = plan("assembler_2", episodes=640)
    mission = planned.missions["assembler_2"]
    steps = 640 * 4 * mission.max_steps
    for times in (1, 3):
        minutes = estimate_evaluation_minutes([mission] * times, planned.config.evaluation)
        assert minutes == 10 + -(-times * steps // (2000 * 60))
        assert minutes == estimate_evaluation_minutes(
            [mission], planned.config.evaluation, num_policies=times
        )


def test_resources_of_colocated_runs():
    short, long = (
        run
        for steps in (4_000_000, 40_000_000)
        for run in plan("assembler_2", steps=steps).runs.values()
    )
    assert estimate_colocated_host_memory_mb([short], 1) == estimate_run_host_memory_mb(short, 1)
    assert (
        estimate_colocated_host_memory_mb([short] * 3, 1)
        == 3 * estimate_run_host_memory_mb(short, 1) - 2 * 3000
    )
    assert estimate_colocated_minutes([short, long], threads=2) == estimate_run_minutes(long)
    assert estimate_colocated_minutes([short] * 3, threads=1) == 10 + 40
