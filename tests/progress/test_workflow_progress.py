"""Progress of a workflow: messages, jobs and time left from events, logs and live metrics."""

import json
import math
import os

import pandas as pd
import pytest

from daf.config import ConfigError
from daf.progress.messages import Level, format_last_training_score, format_seconds
from daf.progress.run_progress import measure_progress
from daf.progress.workflow_progress import WorkflowProgress

from . import workflow_events as events
from .live_results import curve_rows, make_header, open_running_run

START = events.START


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Results folder in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def lines(workflow: WorkflowProgress) -> list[str]:
    return [message.line for message in workflow.take_messages()]


def begun(*more, **stats: int) -> WorkflowProgress:
    workflow = WorkflowProgress("results")
    workflow.apply([events.started(), events.planned(**stats), *more])
    return workflow


def write_log(results, text: str, name: str = "x.log"):
    log = results / "logs" / name
    log.parent.mkdir(exist_ok=True)
    log.write_text(text)
    os.utime(log, (START, START))  # as if the job wrote it


def test_messages_tell_what_happens(results):
    workflow = begun(
        events.job_info(1, "environment_check", 0),
        events.job_finished(1, 4),
        events.job_info(2, "train", 4, run="lstm-s1"),
        events.job_finished(2, 24),
    )
    assert lines(workflow) == [
        "workflow: 11 jobs to do: 1 environment_check, 3 train, 4 evaluate, 1 compare, 1 report",
        "environment_check x: started",
        "environment_check x: finished in 4 s; 1 of 11 jobs done, time left not known yet",
        "train lstm-s1: started, 2,000 agent-steps",
        "train lstm-s1: finished in 20 s; 2 of 11 jobs done, about 1 min 28 s left",
    ]


def test_warnings_do_not_repeat_the_subject(results):
    workflow = begun(events.job_info(1, "train", 0, run="lstm-s1"))
    lines(workflow)
    write_log(results, "warning: lstm-s1: no episode\nlstm-s1: Warning: lstm-s1: slow\n")
    workflow.read_logs_and_live_metrics(START + 1)
    messages = workflow.take_messages()
    assert {message.level for message in messages} == {Level.WARNING}
    assert [message.line for message in messages] == [
        "train lstm-s1: warning: no episode",
        "train lstm-s1: warning: slow",
    ]


def test_lines_of_logs_are_forwarded_without_those_that_messages_repeat(results):
    workflow = begun(events.job_info(1, "evaluate", 0, policy="random"))
    write_log(
        results,
        "begin: 2026-01-01T00:00:00\nrandom: evaluated on open (mean score 1.00)\n"
        "executed 1 of 1 parts (0 up to date)\nwarning: slow\nincomplete",
    )
    lines(workflow)
    workflow.read_logs_and_live_metrics(START + 1)
    workflow.read_logs_and_live_metrics(START + 2)
    messages = workflow.take_messages()
    assert [message.line for message in messages] == [
        "evaluate random: evaluated on open (mean score 1.00)",
        "evaluate random: warning: slow",
    ]
    assert [message.level for message in messages] == [Level.DETAIL, Level.WARNING]


def test_a_conclusion_is_a_result(results):
    workflow = begun(events.job_info(1, "compare", 0))
    write_log(results, "lstm is the best policy\n")
    workflow.read_logs_and_live_metrics(START)
    assert workflow.take_messages()[-1].level == Level.RESULT


def test_a_failure_has_its_reason_and_its_log(results):
    workflow = begun(events.job_info(1, "evaluate", 0, policy="random"))
    write_log(results, "begin: x\nfailed: no more disk\n")
    workflow.apply([events.job_error(1, 3), events.finished(4, is_success=False)])
    *_, failure, end = workflow.take_messages()
    assert failure.line == "evaluate random: failed: no more disk [log: results/logs/x.log]"
    assert end.line == "workflow: failed after 4 s, 0 of 11 jobs done, 1 failed"
    assert failure.level == end.level == Level.FAILURE and workflow.has_failed


def test_an_interrupted_job_is_not_called_failed(results):
    workflow = begun(events.job_info(1, "evaluate", 0, policy="random"))
    write_log(results, "begin: x\nevaluate: interrupted, nothing was replaced\n")
    workflow.apply([events.job_error(1, 3)])
    line = workflow.take_messages()[-1].line
    text = "evaluate random: interrupted, nothing was replaced [log: results/logs/x.log]"
    assert line == text


def test_a_retried_job_has_not_failed(results):
    workflow = begun(events.job_info(1, "evaluate", 0), events.job_error(1, 3))
    workflow.apply([events.job_info(1, "evaluate", 4)])
    assert workflow.jobs.num_failed == 0 and workflow.jobs.count_waiting("evaluate") == 3


def test_the_end_names_what_was_made(results):
    workflow = begun(events.job_info(1, "report", 0), events.job_finished(1, 5), events.finished(5))
    assert lines(workflow)[-2:] == [
        "workflow: made results/report/1/output.html",
        "workflow: finished after 5 s, 1 of 11 jobs done",
    ]


def test_a_success_finishes_jobs_without_events_of_their_ends(results):
    workflow = begun(events.job_info(1, "report", 0), events.finished(5))
    assert lines(workflow)[-1] == "workflow: finished after 5 s, 1 of 11 jobs done"
    assert [job.status for job in workflow.jobs.jobs.values()] == ["finished"]


@pytest.mark.parametrize(
    "log", ["/etc/passwd", "../secret.log", "results/../secret.log", "results/link.log"]
)
def test_no_log_outside_the_results_folder_is_read(results, log):
    (results.parent / "secret.log").write_text("secret\nfailed: secret\n")
    (results / "link.log").symlink_to(results.parent / "secret.log")
    workflow = begun(events.job_info(1, "evaluate", 0, log=log), events.job_error(1, 1))
    assert lines(workflow)[-1] == f"evaluate {log.split('/')[-1].split('.')[0]}: failed: " + (
        f"ended without an error message [log: {log}]"
    )


def test_a_folder_that_moved_is_followed(results):
    workflow = WorkflowProgress(results)
    workflow.apply([events.started("elsewhere/results"), events.planned()])
    workflow.apply([events.job_info(1, "evaluate", 0, log="elsewhere/results/logs/x.log")])
    write_log(results, "found\n")
    workflow.read_logs_and_live_metrics(START)
    assert lines(workflow)[-1] == "evaluate x: found"


def test_hostile_names_cannot_control_the_terminal(results):
    workflow = begun(events.job_info(1, "evaluate", 0, policy="\x1b[31m\nx"))
    write_log(results, "\x1b]0;title\x07 [red]\n")
    workflow.read_logs_and_live_metrics(START)
    assert all(line.isprintable() for line in lines(workflow))


def test_a_running_run_has_speed_score_and_time_left(results):
    writer = open_running_run(results, "lstm-s1", updates=20)
    rows = curve_rows(10, ["open"])
    writer.append_new_rows(rows)
    path = next(results.glob("resume/*/metrics.jsonl"))
    header, *content = path.read_text().splitlines(True)
    timed = [
        line.replace(line[line.rindex('"time"') :], f'"time": {START + 5 + n}}}\n')
        for n, line in enumerate(content)
    ]
    started = json.dumps(json.loads(header) | {"start_time": START}) + "\n"
    path.write_text("".join([started, *timed]))
    workflow = begun(events.job_info(1, "train", 0, run="lstm-s1"))
    lines(workflow)
    workflow.read_logs_and_live_metrics(START + 14)
    ((_, run),) = workflow.list_running_runs()
    assert (run.steps, run.total_steps, run.steps_per_second) == (10_000, 20_000, 1000)
    assert math.isclose(run.score or 0, 18) and run.ceiling == 25
    assert run.seconds_left(START + 14) == 10 and run.seconds_left(START + 16) == 8
    assert lines(workflow) == [
        "train lstm-s1: 10,000 of 20,000 agent-steps (50 %), 1,000 per second, "
        "score 18.0 (ceiling 25.0), 10 s left"
    ]
    workflow.read_logs_and_live_metrics(START + 15)
    assert lines(workflow) == [], "one line per 10 % and 10 s"
    writer.close()


def test_score_on_several_missions_is_a_share_of_the_ceiling():
    missions = ["open", "hall"]
    curve = pd.DataFrame([row | {"time": START} for row in curve_rows(3, missions)])
    curve["score"] = [0.375, 0.5, math.nan]
    run = measure_progress(make_header("lstm-s1", "lstm", 3, missions), curve)
    assert (run.score, run.ceiling, run.is_score_share) == (0.5, None, True)
    assert format_last_training_score(run) == "score 50.0 % of the ceiling"


def test_live_metrics_of_an_earlier_job_are_ignored(results):
    open_running_run(results, "lstm-s1").close()
    workflow = begun(events.job_info(1, "train", 60, run="lstm-s1"))
    workflow.read_logs_and_live_metrics(START + 61)
    assert workflow.list_running_runs() == []


def test_damaged_live_metrics_are_ignored(results):
    for number, content in enumerate((b"", b"{}\n", b"\xff\n", b"[" * 9999)):
        folder = results / "resume" / f"r{number}"
        folder.mkdir(parents=True)
        (folder / "metrics.jsonl").write_bytes(content)
    (results / "resume" / "link").symlink_to(results)
    workflow = begun(events.job_info(1, "train", 0, run="lstm-s1"))
    workflow.read_logs_and_live_metrics(START + 1)
    assert workflow.list_running_runs() == []


def test_invalid_events_give_one_line():
    with pytest.raises(ConfigError, match=r"^FILE: no event of a workflow"):
        WorkflowProgress(source="FILE").apply([{"event": "job_info"}])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"),
     (200_000, "2 days 7 h"), (-3, "0 s")],
)  # fmt: skip
def test_durations_are_readable(seconds, text):
    assert format_seconds(seconds) == text
