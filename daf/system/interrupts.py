"""When a job has to end: SIGTERM, or the death of the Snakemake that started it."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

SECONDS_BETWEEN = 1.0

_signals: list[int] | None = None
"""Those that came since `interruptible` was entered; None outside of it."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Inside, SIGTERM interrupts as Ctrl-C does, and so does the end of Snakemake: a job that
    nobody waits for any more must not write into what the next call makes."""
    global _signals
    outer, _signals = _signals, []
    # A shell lets what runs in the background ignore SIGINT.
    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    over = threading.Event()
    snakemake = snakemake_process()
    if snakemake is not None:
        threading.Thread(target=_watch, args=(snakemake, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)
        _signals = outer


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception is an interrupt by the user, and none that code has raised itself."""
    return isinstance(error, KeyboardInterrupt) and (_signals is None or bool(_signals))


def _interrupt(number: int, _) -> None:
    """Interrupt once: further signals would disturb the ending."""
    _signals.append(number)
    if len(_signals) == 1:
        raise KeyboardInterrupt


def snakemake_process() -> psutil.Process | None:
    """The process that runs the workflow, if this one is a job of it."""
    for process in psutil.Process().parents():
        with contextlib.suppress(psutil.Error):
            if "snakemake" in (Path(part).name for part in process.cmdline()[:4]):
                return process
    return None


def _watch(snakemake: psutil.Process, over: threading.Event) -> None:
    while not over.wait(SECONDS_BETWEEN):
        # The one that began at the same time under the same number; a dead one may linger.
        if not snakemake.is_running() or snakemake.status() == psutil.STATUS_ZOMBIE:
            os.kill(os.getpid(), signal.SIGTERM)
            return
