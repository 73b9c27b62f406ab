"""Runs Snakemake as a process of its own: start, follow, stop; and says what became of each job."""

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
from typing import Any

import psutil

from daf.config import DAFConfig
from daf.files.safe_read import UnsafeFile, open_regular
from daf.jobs import results_lock
from daf.jobs.batch import RULE_VARIANT
from daf.orchestrators.snakemake_command import profile_options, snakemake_command

PLUGINS = Path(__file__).parent / "plugins"
CALL = "DAF_CALL"
"""Environment variable by which the processes of one call are known."""

SECONDS_TO_STOP_ALONE = 1.0
SECONDS_TO_STOP = 30.0

log = logging.getLogger("daf.orchestrators")


@dataclass
class Job:
    """One job of the workflow, as its events told.

    Attributes:
        output: the files that it makes.
        status: "planned", "running", "finished" or "failed".
        begin, end: seconds since 1970; None while unknown.
    """

    rule: str
    wildcards: dict[str, str]
    log: str | None
    output: list[str] = field(default_factory=list)
    status: str = "planned"
    begin: float | None = None
    end: float | None = None


@dataclass
class SnakemakeResult:
    """What one call of Snakemake came to."""

    exit_status: int
    jobs: dict[int, Job] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""  # all it printed


def run_snakemake(
    target: str, config: Path, daf: DAFConfig, lock: int, *, here: bool = True, dry: bool = False
) -> SnakemakeResult:
    """Make a target, or with `dry` find out which jobs it still lacks.

    Args:
        target: a rule or file of the workflow.
        config: the configuration file.
        daf: how many jobs at a time, which profile.
        here: in this working directory; else, for it cannot be written, in an empty one that lasts
            as long as the call, where only whole paths lead anywhere.
        lock: descriptor that holds the folder of results, from `results_lock.wait_for`.

    Raises:
        KeyboardInterrupt: after all jobs have been stopped; its argument is the outcome so far.
    """
    with tempfile.TemporaryDirectory(prefix="daf-") as folder:
        events, output = Path(folder, "events.jsonl"), Path(folder, "output.txt")
        events.touch()
        environment = _environment(daf.results_dir, here)
        command = snakemake_command(target, config, *_options(daf, dry, events))
        with open(output, "wb") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=None if here else folder,
                pass_fds=[lock],
            )
        watch = _EventReader(events, quiet=dry)
        interrupted = False
        try:
            while process.poll() is None:
                time.sleep(0.05)
                watch.look()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            _stop(process)
            if process.returncode < 0:
                _end_orphans(environment)
            watch.look()
        text = output.read_text(encoding="utf-8", errors="replace")
        ran = SnakemakeResult(process.returncode, watch.jobs, watch.events, text)
        if interrupted:
            raise KeyboardInterrupt(ran)
        return ran


def _options(daf: DAFConfig, dry: bool, events: Path) -> list[str]:
    options = [*profile_options(daf.profile), "--keep-going", "--rerun-incomplete", "--nolock"]
    options += ["--logger", "daf", "--logger-daf-path", str(events), "--nocolor"]
    if daf.max_parallel_jobs is not None:
        # The cores of this machine, and the jobs in the queue of a cluster.
        options += [f"--cores={daf.max_parallel_jobs}", f"--jobs={daf.max_parallel_jobs}"]
    return [*options, "--dry-run"] if dry else options


def _environment(results: str, here: bool) -> dict[str, str]:
    # Policies are imported from here, even if Snakemake works elsewhere.
    places = [str(PLUGINS), "" if here else os.getcwd(), os.environ.get("PYTHONPATH")]
    path = os.pathsep.join(filter(None, places))
    own = {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", CALL: uuid.uuid4().hex}
    return os.environ | results_lock.lock_environment(results) | own


def _stop(process: subprocess.Popen) -> None:
    """End Snakemake and its jobs as Ctrl-C would, harder if that does not help."""
    if process.poll() is not None:
        return
    try:
        # In a terminal all of them got the signal already; a second one would disturb the ending.
        process.wait(SECONDS_TO_STOP_ALONE)
        return
    except subprocess.TimeoutExpired:
        tree = [*psutil.Process(process.pid).children(recursive=True), process]
    for member in tree:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            member.send_signal(signal.SIGINT)
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_orphans(environment: dict[str, str]) -> None:
    """End the jobs of a Snakemake that was killed: nobody is left to take their results."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(CALL) == environment[CALL]:
                process.kill()


class _EventReader:
    """Reads the events as they come, and tells the log about jobs and what they print."""

    def __init__(self, path: Path, quiet: bool):
        self.file = open(path, "rb")  # noqa: SIM115
        self.quiet = quiet
        self.events: list[dict[str, Any]] = []
        self.jobs: dict[int, Job] = {}
        self._log_offsets: dict[int, int] = {}

    def look(self) -> None:
        while (line := self.file.readline()).endswith(b"\n"):
            event = json.loads(line)
            self.events.append(event)
            self._apply_event(event)
        if line:  # half a line; the rest comes later
            self.file.seek(-len(line), os.SEEK_CUR)
        for number, job in self.jobs.items():
            if job.status == "running":
                self._forward_log(number, job)

    def _apply_event(self, event: dict[str, Any]) -> None:
        kind, number = event["event"], event.get("jobid", event.get("job_id"))
        if kind == "job_info":
            logs = event.get("log") or [None]
            rule = event["rule_name"].partition(RULE_VARIANT)[0]
            # Behind the name of a file stands how it is made.
            output = [file.removesuffix(" (update)") for file in event.get("output") or []]
            job = Job(rule, event.get("wildcards") or {}, logs[0], output)
            self.jobs[number] = job
            if not self.quiet:
                job.status, job.begin = "running", event["time"]
                self._log_offsets[number] = 0
        elif kind in ("job_finished", "job_error"):
            job = self.jobs[number]
            job.status, job.end = _ENDS[kind], event["time"]
            self._forward_log(number, job)
            if job.log:  # the target itself has none
                log.info("%s %s", " ".join([job.rule, *job.wildcards.values()]), job.status)

    def _forward_log(self, number: int, job: Job) -> None:
        """Tell the lines that a job has printed into its log since the last time."""
        if job.log is None or not log.isEnabledFor(logging.INFO):
            return
        try:
            if os.path.getmtime(job.log) < job.begin - 1:  # what an earlier job left
                return
            with open_regular(job.log) as file:
                file.seek(self._log_offsets[number])
                for line in file.read().decode(errors="replace").splitlines():
                    log.info("  %s", line)
                self._log_offsets[number] = file.tell()
        except (FileNotFoundError, UnsafeFile):
            pass


_ENDS = {"job_finished": "finished", "job_error": "failed"}
