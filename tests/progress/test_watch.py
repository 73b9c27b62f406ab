"""`daf watch`: a folder that another process works on, from its files alone."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daf.config import ConfigError
from daf.progress import watch
from daf.progress.plain_lines import PlainLinesView
from daf.progress.watch import is_locked_by_workflow_caller, watch_until_success_or_failure

from . import workflow_events as events

HOST = os.uname().nodename


@pytest.fixture
def results(tmp_path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)


@pytest.fixture
def living():
    """Process that runs until the end of the test."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def write(results: Path, *more, **fields) -> None:
    start = events.started(time=time.time(), **fields)
    events.write_events(results / "progress.jsonl", start, events.planned(), *more)


def watched(results: Path) -> tuple[bool, list[str]]:
    stream = io.StringIO()
    is_success = watch_until_success_or_failure(results, PlainLinesView(stream))
    return is_success, [line[9:] for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("is_success", [True, False])
def test_a_finished_workflow_ends_the_watch(results, is_success):
    job = (events.job_info(1, "report", 0), events.job_finished(1, 2))
    write(results, *job, events.finished(3, is_success))
    succeeded, lines = watched(results)
    assert succeeded == is_success
    end = "finished" if is_success else "failed"
    assert lines[-2:] == [
        "workflow: made results/report/1/output.html",
        f"workflow: {end} after {lines[-1].split('after ')[1]}",
    ]


def test_a_dead_workflow_ends_the_watch(results, living):
    living.kill()
    living.wait()
    write(results, pid=living.pid, host=HOST)
    succeeded, lines = watched(results)
    assert not succeeded
    assert lines[-1].startswith("workflow: its process has ended without a result")


def test_a_reused_process_id_is_no_workflow(results, living):
    start = events.started(time=time.time() - 3600, pid=living.pid, host=HOST)
    events.write_events(results / "progress.jsonl", start)
    assert not watched(results)[0]


def test_the_watch_follows_the_next_call(results, living, monkeypatch):
    """A pipeline holds the folder between two calls of Snakemake."""
    (results / ".lock").write_text(f"process {living.pid} on {HOST}\n")
    write(
        results, events.job_info(1, "train", 0), events.job_error(1, 1), events.finished(2, False)
    )
    waits = []

    def continue_after_two_waits(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            os.remove(results / "progress.jsonl")
            write(results, events.job_info(1, "report", 0), events.job_finished(1, 1))
        if len(waits) == 4:
            living.kill()
            living.wait()
            with open(results / "progress.jsonl", "a") as file:
                file.write('{"event": "workflow_finished", "time": 1.8e9}\n')

    monkeypatch.setattr(watch.time, "sleep", continue_after_two_waits)
    succeeded, lines = watched(results)
    assert succeeded and sum("jobs to do" in line for line in lines) == 2


def test_the_workflow_itself_does_not_continue(results, living):
    from daf.progress.workflow_progress import WorkflowProgress

    workflow = WorkflowProgress(results)
    workflow.apply([events.started(pid=living.pid, host=HOST)])
    for text in (f"process {living.pid} on {HOST}", "", "process 1 on elsewhere", "x" * 999):
        (results / ".lock").write_text(text)
        assert not is_locked_by_workflow_caller(results, workflow)


def test_a_folder_without_events_or_with_damaged_ones_gives_one_line(results):
    with pytest.raises(ConfigError, match=r"progress.jsonl: does not exist; expected the events"):
        watched(results)
    (results / "progress.jsonl").write_text('{"event": "job_info", "time": "x"}\n')
    with pytest.raises(ConfigError, match=r"progress.jsonl: no event of a workflow"):
        watched(results)
    (results / "progress.jsonl").unlink()
    (results / "progress.jsonl").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="is not a regular file"):
        watched(results)


def test_the_command_ends_by_ctrl_c(results):
    write(results, pid=os.getpid(), host=HOST)
    command = [sys.executable, "-m", "daf", "watch", str(results)]
    # A shell that runs the tests in the background ignores SIGINT, and so would the command.
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None and "11 jobs to do" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0 and process.stderr.read() == ""


@pytest.mark.parametrize("pid", [2**31, 2**53, 0, -1])
def test_impossible_process_ids_are_one_line(results, pid):
    write(results, pid=pid, host=HOST)
    with pytest.raises(ConfigError, match=r"progress.jsonl: no event of a workflow \(key 'pid'"):
        watched(results)


def test_impossible_paths_of_logs_are_no_logs(results):
    (results / "file").write_text("")
    logs = ("results/logs/\0.log", "results/" + "x" * 5000, "results/file/x.log", "\0")
    jobs = [events.job_info(number, "report", 0, log) for number, log in enumerate(logs)]
    ends = [events.job_error(number, 1) for number in range(len(logs))]
    write(results, *jobs, *ends, events.finished(2, False), results_dir="results")
    succeeded, lines = watched(results)
    assert not succeeded and sum("ended without an error message" in line for line in lines) == 4


def test_too_large_files_of_events_are_one_line(results):
    write(results)
    os.truncate(results / "progress.jsonl", 2**26 + 1)
    with pytest.raises(ConfigError, match="is larger than 67108864 bytes"):
        watched(results)
