"""Log of a job: output to terminal and file, and one line per failure."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from daf.config import ConfigError
from daf.errors import describe_os_error
from daf.files.safe_write import open_descriptor_for_update
from daf.jobs.device import job_execution_config
from daf.jobs.gpu_assignment import NotEnoughGPUsError
from daf.system.interrupts import interrupt_on_stop_signals
from daf.system.limits import MachineCheckError
from daf.system.streams import escape_unencodable_output

EXPECTED_ERRORS = (ConfigError, MachineCheckError, NotEnoughGPUsError, OSError, ValueError)
"""Errors with a complete message; the traceback of any other error is written to the log."""

LOG_START = "begin: "
"""Prefix of the first line of a log, before the start time."""

LOG_FAILURE = "failed: "
"""Prefix of the last line in the log of a failed job, before the reason."""


class BatchPartsFailedError(ValueError):
    """Parts of a batch job failed; each has printed its reason."""


@contextlib.contextmanager
def log_output_and_errors(snakemake: Any, start_time: datetime) -> Iterator[None]:
    """Write the output of the block to the terminal and to the rule's log.

    An error becomes one line and exit status 1; an interrupt becomes exit status 130.
    """
    escape_unencodable_output()
    with _open_log_or_exit(snakemake) as log:
        try:
            print(f"{LOG_START}{start_time.isoformat()}", file=log, flush=True)
            with _tee_python_output(log), interrupt_on_stop_signals():
                yield
        except KeyboardInterrupt as interrupt:
            details = f"; {interrupt}" if interrupt.args else ""
            line = f"{snakemake.rule}: interrupted, nothing was replaced{details}"
            print(line, file=sys.stderr, flush=True)
            with contextlib.suppress(OSError):
                print(line, file=log, flush=True)
            sys.exit(130)
        except Exception as error:
            reason = _format_failure_reason(error, snakemake)
            if not isinstance(error, EXPECTED_ERRORS) and not _is_out_of_gpu_memory(error):
                with contextlib.suppress(OSError):
                    traceback.print_exc(file=log)
            # Snakemake prints the logs of failed jobs, so the log must not repeat the stderr line.
            with contextlib.suppress(OSError):  # the disk may be full
                print(f"{LOG_FAILURE}{reason}", file=log, flush=True)
            if not isinstance(error, BatchPartsFailedError):
                print(f"error in {snakemake.rule}: {reason}", file=_original_stderr(), flush=True)
            sys.exit(1)


def _open_log_or_exit(snakemake: Any) -> TextIO:
    """Open the rule's log for writing; exit with status 1 if that fails."""
    try:
        descriptor = open_descriptor_for_update(snakemake.log[0])
        os.ftruncate(descriptor, 0)
    except OSError as error:
        print(f"error in {snakemake.rule}: {describe_os_error(error)}", file=sys.stderr, flush=True)
        sys.exit(1)
    return open(descriptor, "w", encoding="utf-8", errors="backslashreplace")


def _format_failure_reason(error: Exception, snakemake: Any) -> str:
    """Return the reason of an error in one line."""
    reason = " ".join(f"{error}".split())
    if _is_out_of_gpu_memory(error):
        execution = job_execution_config(snakemake)
        return (
            "the job needs more GPU memory than it may use "
            f"(gpu_memory_fraction {execution.gpu_memory_fraction:g}, jobs_per_gpu "
            f"{execution.jobs_per_gpu}; fewer worlds need less): {reason}"
        )
    return reason if isinstance(error, EXPECTED_ERRORS) else f"{type(error).__name__}: {reason}"


def read_failure_reason(log_file: str | Path) -> str:
    """Return the reason of a failed job from the last line of its log; "" without such a line."""
    lines = Path(log_file).read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or not lines[-1].startswith(LOG_FAILURE):
        return ""
    return lines[-1].removeprefix(LOG_FAILURE)


def _is_out_of_gpu_memory(error: Exception) -> bool:
    return type(error).__name__ == "OutOfMemoryError"  # by name, to avoid the import of torch


@contextlib.contextmanager
def _tee_python_output(log: TextIO) -> Iterator[None]:
    terminal = sys.stdout, sys.stderr
    with (
        contextlib.redirect_stdout(_Tee(terminal[0], log)),
        contextlib.redirect_stderr(_Tee(terminal[1], log)),
    ):
        yield


def _original_stderr() -> TextIO | None:
    """Return stderr without the logs that copy it."""
    stream = sys.stderr
    while isinstance(stream, _Tee):
        stream = stream.streams[0]
    return stream


class _Tee:
    """Text stream that writes to a log and to a terminal or another `_Tee`."""

    def __init__(self, terminal: TextIO | None, log: TextIO):
        self.streams = terminal, log

    def write(self, text: str) -> int:
        terminal, log = self.streams
        if terminal is not None:
            with contextlib.suppress(OSError):  # a closed terminal; the log is complete
                terminal.write(text)
                terminal.flush()
        log.write(text)
        log.flush()
        return len(text)

    def flush(self) -> None:
        self.write("")
