"""Simulation of an experiment's jobs against results computed by hand."""

import pytest

from daf.cluster.cost_forecast import (
    PLANNING_SECONDS_PER_JOB,
    Cluster,
    forecast_cost,
    print_forecast,
)
from daf.cluster.measured_times import MeasuredTimes
from daf.config import BenchmarkConfig
from daf.plan import make_plan

MEASURED = MeasuredTimes(seconds_per_agent_step=(0.1,), seconds_per_evaluation=(5.0,))


def make_small_plan(seeds: int, missions=("assembler_1", "assembler_2"), policies_per_job: int = 1):
    config = {
        "policies": ["stateless", "random"],
        "missions": list(missions),
        "training_seeds": list(range(seeds)),
        "training": {"missions": ["assembler_1"], "steps": 1000},
        "execution": {"policies_per_job": policies_per_job},
    }
    return make_plan(BenchmarkConfig.parse(config, "it"))


@pytest.mark.parametrize("slots, seconds", [(1, 4 * 110 + 10), (4, 110 + 10), (5, 110)])
def test_jobs_wait_for_slots_and_evaluations_for_runs(slots, seconds):
    result = forecast_cost(
        make_small_plan(4), MEASURED, Cluster(slots, start_seconds=0, submit_seconds=0)
    )
    assert result.jobs == 9 and result.planning_seconds == pytest.approx(
        9 * PLANNING_SECONDS_PER_JOB
    )
    assert result.makespan_seconds == pytest.approx(result.planning_seconds + seconds)
    assert result.utilization == pytest.approx((4 * 110 + 10) / (slots * seconds))


def test_start_is_parallel_and_submission_sequential():
    slow = forecast_cost(
        make_small_plan(4), MEASURED, Cluster(5, start_seconds=20, submit_seconds=0)
    )
    assert slow.makespan_seconds == pytest.approx(slow.planning_seconds + 110 + 2 * 20)
    busy = forecast_cost(
        make_small_plan(100), MEASURED, Cluster(1000, start_seconds=0, submit_seconds=30)
    )
    assert busy.makespan_seconds >= 201 * 30


@pytest.mark.parametrize("slots, seconds", [(1, 4 * 100 + 50), (2, 250), (4, 150)])
def test_policies_of_a_job_run_sequentially(slots, seconds):
    """One job evaluates 4 trained policies, another one the fixed policy."""
    result = forecast_cost(
        make_small_plan(4, policies_per_job=4),
        MEASURED,
        Cluster(slots, start_seconds=0, submit_seconds=0),
    )
    assert result.jobs == 6 and result.makespan_seconds == pytest.approx(
        result.planning_seconds + seconds
    )
    assert result.utilization == pytest.approx(450 / (slots * seconds))


def test_measured_time_is_divided_by_policies(tmp_path):
    plan = make_small_plan(4, policies_per_job=3)
    jobs = [group.job_name for group in plan.group_contestants_by_missions() if group.is_one_job]
    for name, seconds in (*zip(jobs, (12, 8)), (next(iter(plan.runs)), 100)):
        folder = tmp_path / ("train" if name in plan.runs else "evaluate")
        folder.mkdir(exist_ok=True)
        suffix = "" if name in plan.runs else "-e64-w0"
        (folder / f"{name}{suffix}.tsv").write_text(f"s\n{seconds}\n")
    measured = MeasuredTimes.read(tmp_path, plan)
    assert measured == MeasuredTimes(
        seconds_per_agent_step=(0.1,), seconds_per_evaluation=(2.0, 2.0)
    )


def test_failed_jobs_are_repeated():
    cluster = Cluster(
        4, start_seconds=0, submit_seconds=0, failures_per_hour=36.0, seconds_between_saves=10.0
    )
    result = forecast_cost(make_small_plan(40), MEASURED, cluster)
    without_failures = forecast_cost(
        make_small_plan(40), MEASURED, Cluster(4, start_seconds=0, submit_seconds=0)
    )
    assert result.failed_attempts > 10
    # Each failure loses at most the time between 2 saves, or an evaluation of 10 s.
    assert (
        without_failures.makespan_seconds
        < result.makespan_seconds
        < without_failures.makespan_seconds + result.failed_attempts * 10.0
    )
    assert result == forecast_cost(make_small_plan(40), MEASURED, cluster)


def test_invalid_arguments_give_one_line(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text(
        f"policies: [random]\nmissions: [assembler_1]\nexecution: {{results_dir: {tmp_path}}}\n"
    )
    file = str(tmp_path / "c.yaml")
    assert print_forecast([file, "--like", file, "--slots", "2"]) == 2
    assert "no times of the runs and evaluations" in capsys.readouterr().err
    colocated = tmp_path / "colocated.yaml"
    colocated.write_text(
        "policies: [stateless]\nmissions: [assembler_1]\nexecution: {runs_per_job: 2}\n"
    )
    assert print_forecast([file, "--like", str(colocated), "--slots", "2"]) == 2
    assert "key 'execution.runs_per_job': got 2; expected 1" in capsys.readouterr().err
    colocated.write_text(
        "policies: [random]\nmissions: [assembler_1]\nexecution: {policies_per_job: 2}\n"
    )
    assert print_forecast([file, "--like", str(colocated), "--slots", "2"]) == 2
    assert "key 'execution.policies_per_job': got 2; expected 1, as in" in capsys.readouterr().err
    assert print_forecast([file, "--like", file, "--slots", "0"]) == 2
    assert capsys.readouterr().err.startswith("error: --slots: at least 1")
