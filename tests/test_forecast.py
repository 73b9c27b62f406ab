"""The simulation of a study's jobs, against what can be worked out by hand."""

import pytest

from daf.cluster.forecast import PLANNING_SECONDS_PER_JOB, Cluster, MeasuredTimes, forecast, main
from daf.config import BenchmarkConfig
from daf.plan import make_plan

MEASURED = MeasuredTimes(training=(0.1,), evaluation=(5.0,))


def plan_of(seeds: int, missions=("assembler_1", "assembler_2"), together: int = 1):
    config = {
        "policies": ["stateless", "random"],
        "missions": list(missions),
        "training_seeds": list(range(seeds)),
        "training": {"missions": ["assembler_1"], "steps": 1000},
        "execution": {"policies_per_job": together},
    }
    return make_plan(BenchmarkConfig.parse(config, "it"))


@pytest.mark.parametrize("slots, seconds", [(1, 4 * 110 + 10), (4, 110 + 10), (5, 110)])
def test_jobs_wait_for_slots_and_evaluations_for_trainings(slots, seconds):
    found = forecast(plan_of(4), MEASURED, Cluster(slots, start=0, submit=0))
    assert found.jobs == 9 and found.planning == pytest.approx(9 * PLANNING_SECONDS_PER_JOB)
    assert found.makespan == pytest.approx(found.planning + seconds)
    assert found.busy == pytest.approx((4 * 110 + 10) / (slots * seconds))


def test_a_start_costs_every_job_and_submitting_is_done_by_one():
    slow = forecast(plan_of(4), MEASURED, Cluster(5, start=20, submit=0))
    assert slow.makespan == pytest.approx(slow.planning + 110 + 2 * 20)
    busy = forecast(plan_of(100), MEASURED, Cluster(1000, start=0, submit=30))
    assert busy.makespan >= 201 * 30


@pytest.mark.parametrize("slots, seconds", [(1, 4 * 100 + 50), (2, 250), (4, 150)])
def test_players_of_a_job_wait_for_each_other(slots, seconds):
    """Four who are trained in one job, the fixed policy in another."""
    found = forecast(plan_of(4, together=4), MEASURED, Cluster(slots, start=0, submit=0))
    assert found.jobs == 6 and found.makespan == pytest.approx(found.planning + seconds)
    assert found.busy == pytest.approx(450 / (slots * seconds))


def test_the_time_of_a_job_is_that_of_all_its_players(tmp_path):
    plan = plan_of(4, together=3)
    jobs = [cast.job for cast in plan.evaluation_batches() if cast.one_job]
    for name, seconds in (*zip(jobs, (12, 8)), (next(iter(plan.runs)), 100)):
        folder = tmp_path / ("train" if name in plan.runs else "evaluate")
        folder.mkdir(exist_ok=True)
        suffix = "" if name in plan.runs else "-e64-w0"
        (folder / f"{name}{suffix}.tsv").write_text(f"s\n{seconds}\n")
    measured = MeasuredTimes.read(tmp_path, plan)
    assert measured == MeasuredTimes(training=(0.1,), evaluation=(2.0, 2.0))


def test_what_fails_is_repeated_and_a_training_goes_on():
    cluster = Cluster(4, start=0, submit=0, failures=36.0, save_seconds=10.0)
    found = forecast(plan_of(40), MEASURED, cluster)
    calm = forecast(plan_of(40), MEASURED, Cluster(4, start=0, submit=0))
    assert found.failed > 10
    # Each failure loses at most a state's time of a training, or an evaluation of 10 seconds.
    assert calm.makespan < found.makespan < calm.makespan + found.failed * 10.0
    assert found == forecast(plan_of(40), MEASURED, cluster)


def test_mistakes_are_one_line(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text(
        f"policies: [random]\nmissions: [assembler_1]\nexecution: {{results_dir: {tmp_path}}}\n"
    )
    file = str(tmp_path / "c.yaml")
    assert main([file, "--like", file, "--slots", "2"]) == 2
    assert "no times of the trainings and evaluations" in capsys.readouterr().err
    together = tmp_path / "together.yaml"
    together.write_text(
        "policies: [stateless]\nmissions: [assembler_1]\nexecution: {runs_per_job: 2}\n"
    )
    assert main([file, "--like", str(together), "--slots", "2"]) == 2
    assert "key 'execution.runs_per_job': got 2; 1 is needed" in capsys.readouterr().err
    together.write_text(
        "policies: [random]\nmissions: [assembler_1]\nexecution: {policies_per_job: 2}\n"
    )
    assert main([file, "--like", str(together), "--slots", "2"]) == 2
    assert "key 'execution.policies_per_job': got 2; 1 is needed, as in" in capsys.readouterr().err
    assert main([file, "--like", file, "--slots", "0"]) == 2
    assert capsys.readouterr().err.startswith("error: --slots: at least 1")
