"""Time left of a call, against sums by hand."""

import pytest

from daf.config import ConfigError
from daf.progress.events import parse_event
from daf.progress.jobs import JobTracker
from daf.progress.planned_run import PlannedRun
from daf.progress.run_progress import RunProgress
from daf.progress.time_left import UNMEASURED_SECONDS, estimate_seconds_left

from . import workflow_events as events

START = events.START
RUNS = {name: PlannedRun(*run) for name, run in events.RUNS.items()}


def track(*more, cores: int = 1, **stats: int) -> JobTracker:
    jobs = JobTracker()
    resources = {"event": "resources_info", "time": START, "cores": cores}
    for event in (resources, events.planned(**stats), *more):
        jobs.apply_event_and_return_changed_job(parse_event(event, "events"))
    return jobs


def progress(run: str, steps: int, speed: float | None, steady: bool = True) -> RunProgress:
    return RunProgress(
        run, RUNS[run].policy, START, START + 10, steps, 0, 2000, speed, steady, None, None
    )


def test_without_a_plan_or_a_speed_the_time_is_unknown():
    assert estimate_seconds_left(JobTracker(), {}, {}, START) is None
    assert estimate_seconds_left(track(train=2), RUNS, {}, START) is None


def test_finished_runs_of_a_policy_predict_its_other_runs():
    jobs = track(
        events.job_info(1, "train", 0, run="lstm-s1"),
        events.job_finished(1, 40),
        events.job_info(2, "train", 40, run="stateless-s1"),
        events.job_finished(2, 50),
        train=3,
    )
    assert estimate_seconds_left(jobs, RUNS, {}, START + 50) == 40  # lstm-s2, like lstm-s1


def test_agent_steps_scale_the_prediction():
    planned = RUNS | {"lstm-s2": PlannedRun("lstm", 6000, "mine:Network")}
    jobs = track(events.job_info(1, "train", 0, run="lstm-s1"), events.job_finished(1, 40), train=2)
    assert estimate_seconds_left(jobs, planned, {}, START + 40) == 120


def test_the_speed_of_a_running_run_predicts_before_any_run_has_finished():
    jobs = track(events.job_info(1, "train", 0, run="lstm-s1"), train=2)
    runs = {"lstm-s1": progress("lstm-s1", 500, 50)}
    # 30 s for the rest of this run; 40 s for the other, as 10 s for the first 500 agent-steps.
    assert estimate_seconds_left(jobs, RUNS, runs, START + 10) == 70


def test_a_first_update_counts_less_than_finished_runs():
    jobs = track(
        events.job_info(1, "train", -50, run="lstm-s1"),
        events.job_finished(1, 0),
        events.job_info(2, "train", 0, run="lstm-s2"),
        train=2,
    )
    runs = {"lstm-s2": progress("lstm-s2", 100, 10, steady=False)}
    assert estimate_seconds_left(jobs, RUNS, runs, START + 10) == 40


def test_a_recurrent_network_is_slower_than_one_without_memory():
    planned = {"a": PlannedRun("a", 2000, "stateless"), "b": PlannedRun("b", 2000, "lstm")}
    for first, other, seconds in (("a", "b", 100), ("b", "a", 16)):
        jobs = track(events.job_info(1, "train", 0, run=first), train=2)
        jobs.apply_event_and_return_changed_job(parse_event(events.job_finished(1, 40), "events"))
        assert estimate_seconds_left(jobs, planned, {}, START + 40) == seconds, other


def test_jobs_run_side_by_side():
    jobs = track(
        *(events.job_info(n, "evaluate", 0) for n in (1, 2)),
        *(events.job_finished(n, 10) for n in (1, 2)),
        evaluate=7, compare=1, report=1,
    )  # fmt: skip
    assert estimate_seconds_left(jobs, {}, {}, START + 10) == 30 + 2 * UNMEASURED_SECONDS


def test_the_order_of_rules_is_not_the_order_of_jobs():
    jobs = track(
        *(events.job_info(n, "evaluate", 0) for n in (1, 2)),
        *(events.job_finished(n, 10) for n in (1, 2)),
        events.job_info(3, "train", 10, run="lstm-s1"),
        events.job_finished(3, 50),
        evaluate=6, train=2,
    )  # fmt: skip
    assert estimate_seconds_left(jobs, RUNS, {}, START + 50) == 40  # 40 s beside 4 times 10 s


def test_a_running_job_ends_no_earlier_than_now():
    jobs = track(events.job_info(1, "evaluate", 0), events.job_finished(1, 10), evaluate=2)
    jobs.apply_event_and_return_changed_job(
        parse_event(events.job_info(2, "evaluate", 10), "events")
    )
    assert estimate_seconds_left(jobs, {}, {}, START + 14) == 6
    assert estimate_seconds_left(jobs, {}, {}, START + 99) == 0


def test_restored_agent_steps_cost_no_time():
    jobs = track(events.job_info(1, "train", 0, run="lstm-s1"), events.job_finished(1, 10), train=2)
    runs = {"lstm-s1": RunProgress("lstm-s1", "lstm", 0, 0, 2000, 1000, 2000, 1, True, None, None)}
    assert estimate_seconds_left(jobs, RUNS, runs, START + 10) == 20


def test_colocated_runs_are_one_job():
    jobs = track(
        events.job_info(1, "train_colocated", 0, run="lstm-s1", group="x"),
        train_colocated=1, train=3,
    )  # fmt: skip
    runs = {name: progress(name, 1000, 100) for name in RUNS}
    runs["lstm-s2"] = progress("lstm-s2", 500, 100)
    left = estimate_seconds_left(jobs, RUNS, runs, START + 10)
    assert left == 15 + 3 * UNMEASURED_SECONDS


@pytest.mark.parametrize("rule", ["propose", "rank"])
def test_a_sweep_is_open_ended_until_its_ranking(rule):
    jobs = track(**{rule: 1})
    assert jobs.is_open_ended()
    jobs.apply_event_and_return_changed_job(parse_event(events.job_info(1, rule, 0), "events"))
    assert jobs.is_open_ended()
    jobs.apply_event_and_return_changed_job(parse_event(events.job_finished(1, 1), "events"))
    assert not jobs.is_open_ended()


def test_numbers_of_jobs_and_cores_of_a_damaged_file_take_no_memory():
    with pytest.raises(ConfigError, match=r"key 'stats.*expected a value"):
        track(train=2**53)
    with pytest.raises(ConfigError, match="expected at most 1000000 jobs"):
        track(**{f"rule{number}": 900_000 for number in range(3)})
    jobs = track(
        events.job_info(1, "evaluate", 0), events.job_finished(1, 10), cores=2**53, evaluate=3
    )
    jobs.max_running = 0  # as before any job has run
    assert estimate_seconds_left(jobs, {}, {}, START + 10) == 10
