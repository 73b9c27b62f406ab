"""A process with all that it starts, within limits of memory and number."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from daf.system.gpus import visible_gpus
from daf.system.limits import SPARING

SECONDS_BETWEEN = 0.2
MIB = 2**20
UNUSED_MB = 400
"""Memory that a process asks for and does not use, such as stacks; the system counts it."""
FILE_BYTES = 4 * 2**30
"""The largest file that a confined process can write."""


@dataclass(frozen=True)
class Limits:
    """What a process and all that it starts may take together."""

    memory_mb: float
    processes: int


@contextlib.contextmanager
def limited_memory(mb: float) -> Iterator[None]:
    """Inside, this process takes no more memory than that, but gets `MemoryError`.

    A process that is large already, such as a notebook, may still take half as much.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = int(max(mb, _taken_mb() + mb / 2) * MIB)
    if not visible_gpus() and (before[0] == resource.RLIM_INFINITY or before[0] > most):
        resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _taken_mb() -> float:
    """Memory of this process that the limit counts, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return pages * resource.getpagesize() / MIB


@contextlib.contextmanager
def _lifted_memory() -> Iterator[None]:
    """Lift the limit for a moment: a thread that has no memory to begin lets its starter wait for
    ever."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


class Confined:
    """A running process in a session of its own; a context, at whose end it is gone with all that
    it has started.

    Args:
        command: and its arguments.
        limits: one that takes more is killed; `exceeded` then says what it took.
        options: of `subprocess.Popen`.
    """

    def __init__(self, command: Sequence[str], limits: Limits, **options: Any):
        self.limits = limits
        self.exceeded: str | None = None
        options["env"] = options.get("env", os.environ) | SPARING
        self.process = subprocess.Popen(command, start_new_session=True, **options)
        self._over = threading.Event()
        try:
            self._bound()
            with _lifted_memory():
                threading.Thread(target=self._watch, daemon=True).start()
        except BaseException:  # such as: no thread can be started
            self.end()
            raise

    def __enter__(self) -> "Confined":
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def end(self) -> None:
        """Kill it and all that it has started."""
        self._over.set()
        self._kill()
        self.process.communicate()

    def end_others(self) -> None:
        """Kill what it has started."""
        for process in self._all():
            if process.pid != self.process.pid:
                with contextlib.suppress(psutil.Error):
                    process.kill()

    def _bound(self) -> None:
        """Limits that the system keeps, for each process alone; CUDA takes addresses for more."""
        bounds = {resource.RLIMIT_FSIZE: FILE_BYTES, resource.RLIMIT_CORE: 0}
        if not visible_gpus():
            bounds[resource.RLIMIT_DATA] = int((self.limits.memory_mb + UNUSED_MB) * MIB)
        for kind, most in bounds.items():
            with contextlib.suppress(OSError):  # it may have ended
                _, hard = resource.prlimit(self.process.pid, kind)
                most = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.prlimit(self.process.pid, kind, (most, hard))

    def _watch(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN):
            there = self._all()
            if len(there) > self.limits.processes:
                self.exceeded = f"it starts more than {self.limits.processes} processes"
            elif all(
                sum(map(memory, there)) > self.limits.memory_mb * MIB
                for memory in (_memory, _own_memory)  # the second takes time to find out
            ):
                self.exceeded = f"it takes more than {self.limits.memory_mb:g} MB of memory"
            if self.exceeded:
                self._kill()
                return

    def _all(self) -> list[psutil.Process]:
        """The process, all that descend from it, and all of its session."""
        found = {}
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.process.pid)
            found = {other.pid: other for other in (process, *process.children(recursive=True))}
        for number in psutil.pids():
            with contextlib.suppress(OSError, psutil.Error):
                if number not in found and os.getsid(number) == self.process.pid:
                    found[number] = psutil.Process(number)
        return list(found.values())

    def _kill(self) -> None:
        if self.process.returncode is not None:
            return  # its number may be another's by now; what it has left has the session
        there = self._all()
        while there:
            for process in there:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
            there = [process for process in self._all() if _lives(process)]


def _memory(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _own_memory(process: psutil.Process) -> int:
    """The same with an equal part of what it shares with others, such as those it was forked of."""
    with contextlib.suppress(psutil.Error):
        return process.memory_full_info().pss
    return 0


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
