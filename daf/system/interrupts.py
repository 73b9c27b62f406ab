"""Interrupts of a job: SIGTERM, SIGINT, or the end of the Snakemake process that started it."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

POLL_SECONDS = 1.0

_signals: list[int] | None = None
"""Signals received since the start of `interruptible`; None outside of it."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block on SIGTERM, SIGINT and the end of Snakemake.

    An orphaned job must stop, since it could write into the results of the next call.
    """
    global _signals
    outer_signals, _signals = _signals, []
    # Shells start background processes with SIGINT ignored.
    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        numbers.append(signal.SIGINT)
    handlers = {number: signal.signal(number, _interrupt) for number in numbers}
    is_finished = threading.Event()
    snakemake = snakemake_process()
    if snakemake is not None:
        threading.Thread(target=_watch, args=(snakemake, is_finished), daemon=True).start()
    try:
        yield
    finally:
        is_finished.set()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _signals = outer_signals


def is_interrupt(error: BaseException) -> bool:
    """Return True if an exception is an interrupt by a signal, not raised by user code."""
    return isinstance(error, KeyboardInterrupt) and (_signals is None or bool(_signals))


def _interrupt(number: int, _) -> None:
    """Raise for the first signal only, since further ones would disturb the cleanup."""
    _signals.append(number)
    if len(_signals) == 1:
        raise KeyboardInterrupt


def snakemake_process() -> psutil.Process | None:
    """Return the Snakemake process if this process is one of its jobs, else None."""
    for process in psutil.Process().parents():
        with contextlib.suppress(psutil.Error):
            if "snakemake" in (Path(part).name for part in process.cmdline()[:4]):
                return process
    return None


def _watch(snakemake: psutil.Process, is_finished: threading.Event) -> None:
    while not is_finished.wait(POLL_SECONDS):
        # `is_running` also compares start times, since process ids are reused.
        if not snakemake.is_running() or snakemake.status() == psutil.STATUS_ZOMBIE:
            os.kill(os.getpid(), signal.SIGTERM)
            return
