"""Jobs are done again in a process of their own: whatever becomes of it, the audit goes on."""

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
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from daf.audit.jobs import NotPossible
from daf.config import ConfigError
from daf.provenance.sidecar import SUFFIX, Sidecar
from daf.system.limited_process import Confined, Limits
from daf.system.temporary_folder import scratch_folder

SERVE = "from daf.audit.worker import serve; serve()"
MAX_ANSWER = 2**20
HELPERS = 4
"""Processes besides those that learn: the worker itself, torchrun, git and the like."""

MAX_THREADS = 256
LIMITS = Limits(memory_mb=1600, processes=8)


class Worker:
    """Does jobs again, one after the other; a context, at whose end the process is gone, with all
    that it has started and written.

    Args:
        results: the folder of results.
        trust: class paths of foreign policies whose code may be run.
        minutes: that one job may take.
        limits: of one job; `processes` are those that train together.
    """

    def __init__(
        self, results: Path, trust: tuple[str, ...], minutes: float, limits: Limits = LIMITS
    ):
        self.results, self.trust, self.minutes, self.limits = results, trust, minutes, limits
        self._process: Confined | None = None
        self._open = contextlib.ExitStack()
        self._place: Path | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self._end()
        self._open.close()

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder for one job.

        Raises:
            OSError: there is no place for it.
        """
        if self._place is None:
            self._place = self._open.enter_context(scratch_folder("daf-audit-"))
        folder = self._place / "job"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def remake(self, name: str, folder: Path) -> Path:
        """Do the job again whose record stands beside a file; see `daf.audit.reexecute.reexecute_job`."""
        return self._made("remake", name, folder)

    def begin_again(self, name: str, folder: Path) -> Path:
        """Begin the training again whose record stands beside a file; see
        `daf.audit.training_prefix.begin_again`."""
        return self._made("begin_again", name, folder)

    def _made(self, task: str, name: str, folder: Path) -> Path:
        if self._process is None:
            self._begin()
        answer = self._ask({"task": task, "name": name, "folder": str(folder)})
        self._process.end_others()  # what a policy left is not the fault of the next job
        if answer["error"] is not None:
            raise {"ConfigError": ConfigError}.get(answer["kind"], NotPossible)(answer["error"])
        return Path(answer["made"])

    def _begin(self) -> None:
        # Not `-m`: the working directory may be the folder that somebody sent.
        self._process = Confined(
            [sys.executable, "-P", "-c", SERVE],
            replace(self.limits, processes=self.limits.processes + HELPERS),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONSAFEPATH": "1"},
        )
        self._send(
            {
                "path": sys.path,
                "results": str(self.results),
                "trust": self.trust,
                "processes": self.limits.processes,
                "place": self._place and str(self._place),
            }
        )

    def _ask(self, job: dict) -> dict:
        with contextlib.suppress(BrokenPipeError):
            self._send(job)
        process, line = self._process, b""
        stream = process.process.stdout.fileno()
        deadline = time.monotonic() + 60 * self.minutes
        while not line.endswith(b"\n") and len(line) < MAX_ANSWER:
            left = max(deadline - time.monotonic(), 0)
            there, _, _ = select.select([stream], [], [], left)
            part = os.read(stream, MAX_ANSWER) if there else b""
            if not part:
                self._end()
                late = f"it takes longer than {self.minutes:g} minutes"
                died = process.exceeded or "the process that tried it died"
                raise NotPossible(died if there else late)
            line += part
        return json.loads(line)

    def _send(self, data: dict) -> None:
        stdin = self._process.process.stdin
        stdin.write(json.dumps(data).encode() + b"\n")
        stdin.flush()

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


def serve() -> None:
    """Do what a `Worker` asks for, until it is gone."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    asked: queue.Queue[str] = queue.Queue()
    given = json.loads(sys.stdin.readline())
    sys.path[:] = given["path"]
    threading.Thread(target=_listen, args=(asked, given["place"]), daemon=True).start()
    while True:
        answer = _answer(given, **json.loads(asked.get()))
        print(json.dumps(answer), file=answers, flush=True)


def _listen(asked: queue.Queue, place: str | None) -> None:
    """Pass on what is asked for; end with whoever asks, even in the middle of a job, and remove
    what a killed one could not."""
    for line in sys.stdin:
        asked.put(line)
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _answer(given: dict, task: str, name: str, folder: str) -> dict[str, str | None]:
    from daf.audit.reexecute import reexecute_job
    from daf.audit.training_prefix import begin_again

    try:
        results = Path(given["results"])
        record = Sidecar.read(results / f"{name}{SUFFIX}")
        _check_size(record, given["processes"])
        make = {"remake": reexecute_job, "begin_again": begin_again}[task]
        made = make(results, record, Path(folder), tuple(given["trust"]))
    except Exception as error:  # the record may say anything
        kind = type(error).__name__
        foreseen = isinstance(error, NotPossible | ConfigError)
        return {"kind": kind, "error": f"{error}" if foreseen else f"{kind}: {error}"}
    return {"made": str(made), "error": None}


def _check_size(record: Sidecar, processes: int) -> None:
    """A record may ask for as many processes and threads as it likes."""
    if record.execution.ranks > processes:
        raise NotPossible(
            f"was done by {record.execution.ranks} processes; an audit starts at most {processes}"
        )
    if record.threads > MAX_THREADS:
        raise NotPossible(
            f"was done by {record.threads} threads; an audit starts at most {MAX_THREADS}"
        )
