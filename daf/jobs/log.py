"""Log of a job: output to terminal and file, and one line for a failure."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from daf.config import ConfigError
from daf.errors import os_error_text
from daf.files.safe_write import open_in_place
from daf.jobs.device import execution_config
from daf.jobs.environment_check import EnvironmentProblem
from daf.system.gpus import NotEnoughGPUs
from daf.system.interrupts import interruptible
from daf.system.streams import tolerate_encodings

EXPECTED_ERRORS = (ConfigError, EnvironmentProblem, NotEnoughGPUs, OSError, ValueError)
"""Errors whose message says it all; the trace of any other goes to the log."""

LOG_START = "begin: "
"""What the first line of a log begins with; the time follows."""

LOG_FAILURE = "failed: "
"""What the last line of the log of a failed job begins with; why follows."""


class PartsFailed(ValueError):
    """Parts of a job failed, each of which has said so."""


@contextlib.contextmanager
def job_log(snakemake: Any, begin: datetime) -> Iterator[None]:
    """Inside, output goes to the terminal and to the rule's log; an error becomes one line, and the
    exit status 1, an interrupt 130."""
    tolerate_encodings()
    with _opened(snakemake) as log:
        try:
            print(f"{LOG_START}{begin.isoformat()}", file=log, flush=True)
            with _tee(log), interruptible():
                yield
        except KeyboardInterrupt as interrupt:
            more = f"; {interrupt}" if interrupt.args else ""
            line = f"{snakemake.rule}: interrupted, nothing was replaced{more}"
            print(line, file=sys.stderr, flush=True)
            with contextlib.suppress(OSError):
                print(line, file=log, flush=True)
            sys.exit(130)
        except Exception as error:
            reason = _reason(error, snakemake)
            if not isinstance(error, EXPECTED_ERRORS) and not _out_of_memory(error):
                with contextlib.suppress(OSError):
                    traceback.print_exc(file=log)
            # Snakemake shows the logs of failed jobs; the line is not to stand there twice.
            with contextlib.suppress(OSError):  # the disk may be full
                print(f"{LOG_FAILURE}{reason}", file=log, flush=True)
            if not isinstance(error, PartsFailed):
                print(f"error in {snakemake.rule}: {reason}", file=_original_stderr(), flush=True)
            sys.exit(1)


def _opened(snakemake: Any) -> TextIO:
    """The rule's log, to be written; if it cannot be, nothing is done."""
    try:
        descriptor = open_in_place(snakemake.log[0])
        os.ftruncate(descriptor, 0)
    except OSError as error:
        print(f"error in {snakemake.rule}: {os_error_text(error)}", file=sys.stderr, flush=True)
        sys.exit(1)
    return open(descriptor, "w", encoding="utf-8", errors="backslashreplace")


def _reason(error: Exception, snakemake: Any) -> str:
    """What went wrong, one line."""
    reason = " ".join(f"{error}".split())
    if _out_of_memory(error):
        execution = execution_config(snakemake)
        return (
            "the job needs more GPU memory than it may use "
            f"(gpu_memory_fraction {execution.gpu_memory_fraction:g}, jobs_per_gpu "
            f"{execution.jobs_per_gpu}; fewer worlds need less): {reason}"
        )
    return reason if isinstance(error, EXPECTED_ERRORS) else f"{type(error).__name__}: {reason}"


def failure_reason(log: str | Path) -> str:
    """Why the job with a log failed; nothing if it did not, or could not say it."""
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    return (
        lines[-1].removeprefix(LOG_FAILURE) if lines and lines[-1].startswith(LOG_FAILURE) else ""
    )


def _out_of_memory(error: Exception) -> bool:
    return type(error).__name__ == "OutOfMemoryError"  # torch's, without importing torch here


@contextlib.contextmanager
def _tee(log: TextIO) -> Iterator[None]:
    terminal = sys.stdout, sys.stderr
    with (
        contextlib.redirect_stdout(_Tee(terminal[0], log)),
        contextlib.redirect_stderr(_Tee(terminal[1], log)),
    ):
        yield


def _original_stderr() -> Any:
    """Where errors are told, past the logs that listen."""
    stream = sys.stderr
    while isinstance(stream, _Tee):
        stream = stream.streams[0]
    return stream


class _Tee:
    """A text stream that writes to a log, and to a terminal or another such stream."""

    def __init__(self, terminal: TextIO | None, log: TextIO):
        self.streams = terminal, log

    def write(self, text: str) -> int:
        terminal, log = self.streams
        if terminal is not None:
            with contextlib.suppress(OSError):  # nobody may listen any more; the log has it all
                terminal.write(text)
                terminal.flush()
        log.write(text)
        log.flush()
        return len(text)

    def flush(self) -> None:
        self.write("")
