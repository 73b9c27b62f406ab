"""Snakemake as a child process: start, events, log forwarding and termination."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from daf.config import DAFConfig
from daf.files.safe_read import UnsafeFileError, open_regular_file
from daf.jobs import results_lock
from daf.jobs.batch import RULE_VARIANT
from daf.orchestrators.snakemake_command import snakemake_command, snakemake_profile_options

PLUGINS = Path(__file__).parent / "plugins"
CALL_VARIABLE = "DAF_CALL"
"""Environment variable that identifies all processes of one Snakemake call."""

POLL_SECONDS = 0.05
TERMINAL_GRACE_SECONDS = 1.0
INTERRUPT_GRACE_SECONDS = 30.0
STALE_LOG_SECONDS = 1
"""A log that is this much older than the start of its job belongs to an earlier job."""

log = logging.getLogger("daf.orchestrators")


class JobKey(NamedTuple):
    """Rule and wildcards, which identify a job of the workflow."""

    rule: str
    wildcards: dict[str, str]


@dataclass
class Job:
    """One job of the workflow, from Snakemake's events.

    Attributes:
        output: files that the job writes.
        status: "planned", "running", "finished" or "failed".
        start_time, end_time: seconds since 1970; None if unknown.
    """

    rule: str
    wildcards: dict[str, str]
    log: str | None
    output: list[str] = field(default_factory=list)
    status: str = "planned"
    start_time: float | None = None
    end_time: float | None = None

    @property
    def key(self) -> JobKey:
        """Rule and wildcards of the job."""
        return JobKey(self.rule, self.wildcards)

    def current_log_path(self) -> str | None:
        """Return the path of the log if this job, not an earlier one, wrote it; else None."""
        if self.log is None or self.start_time is None or not os.path.isfile(self.log):
            return None
        is_current = os.path.getmtime(self.log) >= self.start_time - STALE_LOG_SECONDS
        return self.log if is_current else None


@dataclass
class SnakemakeResult:
    """Outcome of one Snakemake call.

    Attributes:
        text: everything that Snakemake printed.
    """

    exit_status: int
    jobs: dict[int, Job] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""

    def job_keys_with_status(self, status: str) -> list[JobKey]:
        """Return the keys of the jobs with a status, see `Job`."""
        return [job.key for job in self.jobs.values() if job.status == status]


def run_snakemake(
    target: str,
    config_file: Path,
    daf: DAFConfig,
    lock_descriptor: int,
    *,
    in_working_directory: bool = True,
    dry_run: bool = False,
) -> SnakemakeResult:
    """Make a target, or list the jobs that it still needs.

    Args:
        target: rule or file of the workflow.
        config_file: configuration file.
        daf: number of parallel jobs, profile and results folder.
        lock_descriptor: descriptor of `results_lock.wait_and_lock_results`.
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
        command = snakemake_command(target, config_file, *_command_options(daf, dry_run, events))
        with open(output, "wb") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env_vars,
                cwd=None if in_working_directory else folder,
                pass_fds=[lock_descriptor],
            )
        reader = _EventReader(events, dry_run)
        interrupted = False
        try:
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                reader.read_new_events()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            _interrupt_or_kill(process)
            if process.returncode < 0:
                _kill_jobs_of_call(env_vars[CALL_VARIABLE])
            reader.read_new_events()
        text = output.read_text(encoding="utf-8", errors="replace")
        result = SnakemakeResult(process.returncode, reader.jobs, reader.events, text)
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
    python_paths = [str(PLUGINS), os.environ.get("PYTHONPATH")]
    variables = {
        "PYTHONPATH": os.pathsep.join(filter(None, python_paths)),
        "PYTHONSAFEPATH": "1",
        CALL_VARIABLE: uuid.uuid4().hex,
    }
    return os.environ | results_lock.lock_variables_for_children(results_dir) | variables


def _interrupt_or_kill(process: subprocess.Popen) -> None:
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


def _kill_jobs_of_call(call_id: str) -> None:
    """Kill the jobs of a killed Snakemake process, since no process collects their results."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(CALL_VARIABLE) == call_id:
                process.kill()


class _EventReader:
    """Reader of Snakemake's events. It tracks jobs and forwards their logs.

    Args:
        path: file of events, one JSON object per line.
        dry_run: no job runs, all stay "planned".
    """

    def __init__(self, path: Path, dry_run: bool):
        self.file = open(path, "rb")  # noqa: SIM115
        self.dry_run = dry_run
        self.events: list[dict[str, Any]] = []
        self.jobs: dict[int, Job] = {}
        self._log_offsets: dict[int, int] = {}

    def read_new_events(self) -> None:
        """Read the new events, and log the new lines of running jobs."""
        while (line := self.file.readline()).endswith(b"\n"):
            event = json.loads(line)
            self.events.append(event)
            self._apply_event(event)
        if line:  # an incomplete line is read again by the next call
            self.file.seek(-len(line), os.SEEK_CUR)
        for job_id, job in self.jobs.items():
            if job.status == "running":
                self._log_new_lines_of_job_log(job_id, job)

    def _apply_event(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind != "job_info" and kind not in _STATUS_BY_EVENT:
            return
        job_id = event["jobid" if "jobid" in event else "job_id"]
        if kind == "job_info":
            logs = event.get("log") or [None]
            rule = event["rule_name"].partition(RULE_VARIANT)[0]
            # Snakemake appends the mode to the name of an updated file.
            output = [file.removesuffix(" (update)") for file in event.get("output") or []]
            job = Job(rule, event.get("wildcards") or {}, logs[0], output)
            self.jobs[job_id] = job
            if not self.dry_run:
                job.status, job.start_time = "running", event["time"]
                self._log_offsets[job_id] = 0
        else:
            job = self.jobs[job_id]
            job.status, job.end_time = _STATUS_BY_EVENT[kind], event["time"]
            self._log_new_lines_of_job_log(job_id, job)
            if job.log:  # the job of the target itself has no log
                log.info("%s %s", " ".join([job.rule, *job.wildcards.values()]), job.status)

    def _log_new_lines_of_job_log(self, job_id: int, job: Job) -> None:
        """Log the lines that a job has appended to its log file since the last call."""
        if not log.isEnabledFor(logging.INFO):
            return
        try:
            path = job.current_log_path()
            if path is None:
                return
            with open_regular_file(path) as file:
                file.seek(self._log_offsets[job_id])
                for line in file.read().decode(errors="replace").splitlines():
                    log.info("  %s", line)
                self._log_offsets[job_id] = file.tell()
        except (FileNotFoundError, UnsafeFileError):
            pass


_STATUS_BY_EVENT = {"job_finished": "finished", "job_error": "failed"}
