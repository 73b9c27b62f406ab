"""Jobs are done again in a process of their own: whatever becomes of it, the audit goes on."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

from daf.audit.jobs import NotPossible
from daf.config import ConfigError
from daf.record import SUFFIX, Record

SERVE = "from daf.audit.worker import serve; serve()"


class Worker:
    """Does jobs again, one after the other; a context, at whose end the process is gone.

    Args:
        results: the folder of results.
        trust: class paths of foreign policies whose code may be run.
        minutes: that one job may take.
    """

    def __init__(self, results: Path, trust: tuple[str, ...], minutes: float):
        self.results, self.trust, self.minutes = results, trust, minutes
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self._end()

    def remake(self, name: str, folder: Path) -> Path:
        """Do the job again whose record stands beside a file; see `daf.audit.remake.remake`."""
        return self._made("remake", name, folder)

    def begin_again(self, name: str, folder: Path) -> Path:
        """Begin the training again whose record stands beside a file; see
        `daf.audit.beginning.begin_again`."""
        return self._made("begin_again", name, folder)

    def _made(self, task: str, name: str, folder: Path) -> Path:
        if self._process is None:
            self._begin()
        answer = self._ask({"task": task, "name": name, "folder": str(folder)})
        if answer["error"] is not None:
            raise {"ConfigError": ConfigError}.get(answer["kind"], NotPossible)(answer["error"])
        return Path(answer["made"])

    def _begin(self) -> None:
        # Not `-m`: the working directory may be the folder that somebody sent.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._send({"path": sys.path, "results": str(self.results), "trust": self.trust})

    def _ask(self, job: dict) -> dict:
        try:
            self._send(job)
            there, _, _ = select.select([self._process.stdout], [], [], 60 * self.minutes)
        except BrokenPipeError:
            there = [self._process.stdout]
        line = self._process.stdout.readline() if there else b""
        if line.endswith(b"\n"):
            return json.loads(line)
        self._end()
        reason = "the process that tried it died" if there else "it takes longer than"
        more = "" if there else f" {self.minutes:g} minutes"
        raise NotPossible(f"{reason}{more}")

    def _send(self, data: dict) -> None:
        self._process.stdin.write(json.dumps(data).encode() + b"\n")
        self._process.stdin.flush()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def serve() -> None:
    """Do what a `Worker` asks for, until it is gone."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    given = json.loads(sys.stdin.readline())
    sys.path[:] = given["path"]
    for line in sys.stdin:
        answer = _answer(given, **json.loads(line))
        print(json.dumps(answer), file=answers, flush=True)


def _answer(given: dict, task: str, name: str, folder: str) -> dict[str, str | None]:
    from daf.audit.beginning import begin_again
    from daf.audit.remake import remake

    try:
        results = Path(given["results"])
        record = Record.read(results / f"{name}{SUFFIX}")
        make = {"remake": remake, "begin_again": begin_again}[task]
        made = make(results, record, Path(folder), tuple(given["trust"]))
    except Exception as error:  # the record may say anything
        kind = type(error).__name__
        foreseen = isinstance(error, NotPossible | ConfigError)
        return {"kind": kind, "error": f"{error}" if foreseen else f"{kind}: {error}"}
    return {"made": str(made), "error": None}
