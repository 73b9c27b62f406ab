"""Snakemake as a child process: start, events, log forwarding and termination."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from daf.config import DAFConfig
from daf.jobs import results_lock
from daf.orchestrators.snakemake_command import snakemake_command, snakemake_profile_options
from daf.progress.event_file import EventFileReader
from daf.progress.events import Event
from daf.progress.jobs import Job, JobKey
from daf.progress.view import current_view
from daf.progress.workflow_progress import WorkflowProgress

CALL_VARIABLE = "DAF_CALL"
"""Environment variable that identifies all processes of one Snakemake call."""

POLL_SECONDS = 0.05
TERMINAL_GRACE_SECONDS = 1.0
INTERRUPT_GRACE_SECONDS = 30.0
REFRESH_SECONDS = 1.0
"""Time between two reads of logs and live metrics, in s."""


@dataclass
class SnakemakeResult:
    """Outcome of one Snakemake call.

    Attributes:
        printed_output: everything that Snakemake printed.
    """

    exit_status: int
    jobs: dict[int, Job] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    printed_output: str = ""

    def job_keys_with_status(self, status: str) -> list[JobKey]:
        """Return the keys of the jobs with a status, see `Job`."""
        return [job.key for job in self.jobs.values() if job.status == status]


def run_snakemake(
    targets: Sequence[str],
    config_file: Path,
    daf: DAFConfig,
    results_lock_descriptor: int,
    *,
    in_working_directory: bool = True,
    dry_run: bool = False,
) -> SnakemakeResult:
    """Make targets, or list the jobs that they still need.

    Args:
        targets: rules or files of the workflow.
        config_file: configuration file.
        daf: number of parallel jobs, profile and results folder.
        results_lock_descriptor: descriptor of `results_lock.wait_and_lock_results`.
        in_working_directory: run Snakemake in the working directory. Otherwise it runs in a
            temporary folder, and all paths must be absolute.
        dry_run: list the remaining jobs and run none.

    Raises:
        KeyboardInterrupt: after all jobs were stopped; its argument is the SnakemakeResult so far.
    """
    with tempfile.TemporaryDirectory(prefix="daf-") as folder:
        events, output = Path(folder, "events.jsonl"), Path(folder, "output.txt")
        events.touch()
        env_vars = _snakemake_environment_variables(daf.results_dir)
        command = snakemake_command(targets, config_file, *_command_options(daf, dry_run, events))
        with open(output, "wb") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env_vars,
                cwd=None if in_working_directory else folder,
                pass_fds=[results_lock_descriptor],
            )
        follower = _SnakemakeEventFollower(events, daf.results_dir, dry_run)
        interrupted = False
        try:
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                follower.poll_and_update_view()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            _interrupt_then_kill(process)
            if process.returncode < 0:
                _kill_jobs_of_call(env_vars[CALL_VARIABLE])
            follower.poll_and_update_view()
        text = output.read_text(encoding="utf-8", errors="replace")
        result = SnakemakeResult(
            process.returncode, follower.workflow.jobs.jobs, follower.events, text
        )
        if interrupted:
            raise KeyboardInterrupt(result)
        return result


def _command_options(daf: DAFConfig, dry_run: bool, events_file: Path) -> list[str]:
    options = [
        *snakemake_profile_options(daf.profile),
        "--keep-going",
        "--rerun-incomplete",
        "--nolock",
    ]
    options += ["--logger", "daf", "--logger-daf-path", str(events_file), "--nocolor"]
    if daf.max_parallel_jobs is not None:
        # Local execution counts cores; a cluster counts queued jobs.
        options += [f"--cores={daf.max_parallel_jobs}", f"--jobs={daf.max_parallel_jobs}"]
    return [*options, "--dry-run"] if dry_run else options


def _snakemake_environment_variables(results_dir: str) -> dict[str, str]:
    # Without the working directory, which may contain another `yaml.py`.
    variables = {"PYTHONSAFEPATH": "1", CALL_VARIABLE: uuid.uuid4().hex}
    return os.environ | results_lock.lock_variables_for_children(results_dir) | variables


def _interrupt_then_kill(process: subprocess.Popen) -> None:
    """Interrupt Snakemake and its jobs; kill Snakemake if it does not end in time."""
    if process.poll() is not None:
        return
    try:
        # A terminal sends the interrupt to all processes. A second one would disturb their cleanup.
        process.wait(TERMINAL_GRACE_SECONDS)
        return
    except subprocess.TimeoutExpired:
        tree = [*psutil.Process(process.pid).children(recursive=True), process]
    for member in tree:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            member.send_signal(signal.SIGINT)
    try:
        process.wait(INTERRUPT_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _kill_jobs_of_call(snakemake_call_id: str) -> None:
    """Kill the jobs of a killed Snakemake process, since no process collects their results."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(CALL_VARIABLE) == snakemake_call_id:
                process.kill()


class _SnakemakeEventFollower:
    """Follower of one Snakemake call, which updates the view of the pipeline.

    Args:
        event_file: file of events of the call.
        results_dir: results folder.
        dry_run: no job runs, all stay "planned", and no view is updated.

    Attributes:
        events: all events so far.
        workflow: progress of the call.
    """

    def __init__(self, event_file: Path, results_dir: str, dry_run: bool):
        self._reader, self._dry_run = EventFileReader(event_file), dry_run
        self._last_refresh = 0.0
        self.events: list[Event] = []
        self.workflow = WorkflowProgress(results_dir, dry_run=dry_run)

    def poll_and_update_view(self) -> None:
        """Read the new events, logs and live metrics, and update the view."""
        events = self._reader.read_new_events()
        self.events += events
        self.workflow.apply(events)
        if self._dry_run:
            return
        now = time.time()
        if events or now - self._last_refresh >= REFRESH_SECONDS:
            self._last_refresh = now
            self.workflow.read_logs_and_live_metrics(now)
            current_view().update(self.workflow)
