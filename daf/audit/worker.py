"""Worker process that re-executes jobs; the audit survives its crash, hang or memory exhaustion."""

import contextlib
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from daf.audit.jobs import CannotVerifyError
from daf.config import ConfigError
from daf.provenance.sidecar import SUFFIX, Sidecar
from daf.system.garbage_collection import collect_garbage_rarely
from daf.system.limited_process import LimitedProcess, ProcessLimits
from daf.system.temporary_folder import scratch_folder

SERVE = "from daf.audit.worker import serve_requests; serve_requests()"
MAX_RESPONSE_BYTES = 2**20
EXTRA_PROCESSES = 4
"""Processes besides the training ranks: the worker, torchrun, git and the like."""

MAX_THREADS = 256
LIMITS = ProcessLimits(memory_mb=1600, processes=8)


class _WorkerSettings(TypedDict):
    """First message to the worker process."""

    path: list[str]
    results_dir: str
    trusted_class_paths: tuple[str, ...]
    processes: int
    scratch_folder: str | None


class _Reply(TypedDict):
    """Reply of the worker process to one request; both None after success."""

    error_class: str | None
    error: str | None


class WorkerClient:
    """Client of a process that re-executes jobs one by one; a context manager.

    At the end of the context, the process, its child processes and its files are removed.

    Args:
        results_dir: results folder.
        trusted_class_paths: class paths of foreign policies whose code may run.
        minutes: time limit of one job, in minutes.
        limits: limits of one job; `processes` is the maximum number of training ranks.
    """

    def __init__(
        self,
        results_dir: Path,
        trusted_class_paths: tuple[str, ...],
        minutes: float,
        limits: ProcessLimits = LIMITS,
    ):
        self.results_dir, self.trusted_class_paths, self.minutes, self.limits = (
            results_dir,
            trusted_class_paths,
            minutes,
            limits,
        )
        self._process: LimitedProcess | None = None
        self._exit_stack = contextlib.ExitStack()
        self._scratch_folder: Path | None = None

    def __enter__(self) -> "WorkerClient":
        return self

    def __exit__(self, *_) -> None:
        self._stop_process()
        self._exit_stack.close()

    @contextlib.contextmanager
    def temporary_job_folder(self) -> Iterator[Path]:
        """Yield an empty folder for one job.

        Raises:
            OSError: the folder cannot be made.
        """
        if self._scratch_folder is None:
            self._scratch_folder = self._exit_stack.enter_context(scratch_folder("daf-audit-"))
        folder = self._scratch_folder / "job"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def reexecute_job(self, first_output: str, new_results_dir: Path) -> None:
        """Re-execute a job; see `daf.audit.reexecute.reexecute_job`.

        Args:
            first_output: first output of the job, relative to the results folder.
            new_results_dir: empty folder for the outputs, under their recorded names.
        """
        self._request_task("reexecute_job", first_output, new_results_dir)

    def reexecute_first_updates(self, recorded_weights_file: str, new_results_dir: Path) -> None:
        """Re-execute the first updates of a run; see `daf.audit.training_prefix`.

        Args:
            recorded_weights_file: weights file of the run, relative to the results folder.
            new_results_dir: empty folder for the outputs, under their recorded names.
        """
        self._request_task("reexecute_first_updates", recorded_weights_file, new_results_dir)

    def _request_task(self, task_name: str, first_output: str, new_results_dir: Path) -> None:
        """Run one task in the worker process.

        Raises:
            CannotVerifyError, ConfigError: the task failed.
        """
        process = self._process or self._start_process()
        request = {
            "task_name": task_name,
            "first_output": first_output,
            "new_results_dir": str(new_results_dir),
        }
        reply = self._send_request(process, request)
        process.kill_descendants()  # remaining child processes must not affect the next job
        if reply["error"] is not None:
            is_config_error = reply["error_class"] == "ConfigError"
            raise (ConfigError if is_config_error else CannotVerifyError)(reply["error"])

    def _start_process(self) -> LimitedProcess:
        # Not `-m`: the working directory may be the audited folder, and is not to be imported from.
        process = self._process = LimitedProcess(
            [sys.executable, "-P", "-c", SERVE],
            replace(self.limits, processes=self.limits.processes + EXTRA_PROCESSES),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONSAFEPATH": "1"},
        )
        settings: _WorkerSettings = {
            "path": sys.path,
            "results_dir": str(self.results_dir),
            "trusted_class_paths": self.trusted_class_paths,
            "processes": self.limits.processes,
            "scratch_folder": self._scratch_folder and str(self._scratch_folder),
        }
        _send_json(process, settings)
        return process

    def _send_request(self, process: LimitedProcess, request: dict[str, str]) -> _Reply:
        """Send a request and return its reply.

        Raises:
            CannotVerifyError: the worker exceeded a limit or died.
        """
        with contextlib.suppress(BrokenPipeError):
            _send_json(process, request)
        assert process.process.stdout is not None
        stream, line = process.process.stdout.fileno(), b""
        deadline = time.monotonic() + 60 * self.minutes
        while not line.endswith(b"\n") and len(line) < MAX_RESPONSE_BYTES:
            remaining = max(deadline - time.monotonic(), 0)
            is_readable, _, _ = select.select([stream], [], [], remaining)
            part = os.read(stream, MAX_RESPONSE_BYTES) if is_readable else b""
            if not part:
                self._stop_process()
                timeout = f"the job takes longer than {self.minutes:g} minutes"
                death = process.violation or "the worker process died"
                raise CannotVerifyError(death if is_readable else timeout)
            line += part
        return json.loads(line)

    def _stop_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None


def _send_json(process: LimitedProcess, message: Mapping[str, Any]) -> None:
    stdin = process.process.stdin
    assert stdin is not None
    stdin.write(json.dumps(message).encode() + b"\n")
    stdin.flush()


def serve_requests() -> None:
    """Serve the requests of a `WorkerClient` until its end; entry point of the worker process."""
    replies = os.fdopen(os.dup(1), "w")
    null_device = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null_device, stream)
    requests: queue.Queue[str] = queue.Queue()
    settings: _WorkerSettings = json.loads(sys.stdin.readline())
    sys.path[:] = settings["path"]
    collect_garbage_rarely()
    arguments = (requests, settings["scratch_folder"])
    threading.Thread(
        target=_queue_requests_then_kill_own_process_group, args=arguments, daemon=True
    ).start()
    while True:
        reply = _execute_request(settings, **json.loads(requests.get()))
        print(json.dumps(reply), file=replies, flush=True)


def _queue_requests_then_kill_own_process_group(
    requests: queue.Queue, scratch_folder_to_remove: str | None
) -> None:
    """Queue requests until the client ends; then remove its folder and kill this process group.

    A killed client cannot do either, and a job may be running.
    """
    for line in sys.stdin:
        requests.put(line)
    if scratch_folder_to_remove is not None:
        shutil.rmtree(scratch_folder_to_remove, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _execute_request(
    settings: _WorkerSettings, task_name: str, first_output: str, new_results_dir: str
) -> _Reply:
    """Run one task; return class and message of its error, if any."""
    from daf.audit.reexecute import reexecute_job
    from daf.audit.training_prefix import reexecute_first_updates

    try:
        results_dir = Path(settings["results_dir"])
        sidecar = Sidecar.read(results_dir / f"{first_output}{SUFFIX}")
        _check_ranks_and_threads(sidecar, settings["processes"])
        tasks = (reexecute_job, reexecute_first_updates)
        task = {function.__name__: function for function in tasks}[task_name]
        trusted_class_paths = tuple(settings["trusted_class_paths"])
        task(results_dir, sidecar, Path(new_results_dir), trusted_class_paths)
    except Exception as error:  # the sidecar may hold anything
        error_class = type(error).__name__
        expected = isinstance(error, CannotVerifyError | ConfigError)
        message = f"{error}" if expected else f"{error_class}: {error}"
        return {"error_class": error_class, "error": message}
    return {"error_class": None, "error": None}


def _check_ranks_and_threads(sidecar: Sidecar, max_ranks: int) -> None:
    """Check the number of processes and threads, which a forged sidecar may set to any value.

    Raises:
        CannotVerifyError: a number exceeds the limit of an audit.
    """
    if sidecar.execution.ranks > max_ranks:
        raise CannotVerifyError(f"made by {sidecar.execution.ranks} processes; limit: {max_ranks}")
    if sidecar.threads > MAX_THREADS:
        raise CannotVerifyError(f"made by {sidecar.threads} threads; limit: {MAX_THREADS}")
