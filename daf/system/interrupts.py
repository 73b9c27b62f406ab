"""Interrupts of a job: SIGTERM, SIGINT, or the end of the Snakemake process that started it."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psutil

POLL_SECONDS = 1.0

_signals: list[int] | None = None
"""Signals received since the start of `interrupt_on_stop_signals`; None outside of it."""


@contextlib.contextmanager
def interrupt_on_stop_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block on SIGTERM, SIGINT and the end of Snakemake.

    An orphaned job must stop, since it could write into the results of the next call.
    """
    global _signals
    outer_signals, _signals = _signals, []
    # Shells start background processes with SIGINT ignored.
    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        numbers.append(signal.SIGINT)
    handlers = {
        number: signal.signal(number, _raise_interrupt_at_first_signal) for number in numbers
    }
    is_finished = threading.Event()
    snakemake = find_snakemake_ancestor()
    if snakemake is not None:
        threading.Thread(
            target=_interrupt_when_process_ends, args=(snakemake, is_finished), daemon=True
        ).start()
    try:
        yield
    finally:
        is_finished.set()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _signals = outer_signals


def is_interrupt_by_received_signal(error: BaseException) -> bool:
    """Return True if an exception is an interrupt by a signal, not raised by user code."""
    return isinstance(error, KeyboardInterrupt) and (_signals is None or bool(_signals))


def _raise_interrupt_at_first_signal(signal_number: int, _frame: FrameType | None) -> None:
    """Raise for the first signal only, since further ones would disturb the cleanup."""
    assert _signals is not None  # `interrupt_on_stop_signals` sets it before this handler
    _signals.append(signal_number)
    if len(_signals) == 1:
        raise KeyboardInterrupt


def find_snakemake_ancestor() -> psutil.Process | None:
    """Return the Snakemake process if this process is one of its jobs, else None."""
    for process in psutil.Process().parents():
        with contextlib.suppress(psutil.Error):
            if "snakemake" in (Path(part).name for part in process.cmdline()[:4]):
                return process
    return None


def _interrupt_when_process_ends(snakemake: psutil.Process, is_finished: threading.Event) -> None:
    while not is_finished.wait(POLL_SECONDS):
        # `is_running` also compares start times, since process ids are reused.
        if not snakemake.is_running() or snakemake.status() == psutil.STATUS_ZOMBIE:
            os.kill(os.getpid(), signal.SIGTERM)
            return
