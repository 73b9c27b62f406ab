"""Process with limits of memory and number of processes, including its descendants."""

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
from daf.system.limits import LOW_MEMORY_ENV_VARS

POLL_SECONDS = 0.2
MIB = 2**20
UNUSED_MB = 400
"""Memory that a process allocates and does not use, such as stacks; RLIMIT_DATA includes it."""
MAX_FILE_BYTES = 4 * 2**30
"""Size limit of each file that a limited process writes."""


@dataclass(frozen=True)
class ProcessLimits:
    """Limits of a process and its descendants together.

    Attributes:
        memory_mb: memory in MiB.
        processes: number of processes.
    """

    memory_mb: float
    processes: int


@contextlib.contextmanager
def limit_memory_of_this_process(limit_mb: float) -> Iterator[None]:
    """Limit the memory of this process during the block; above it, allocations raise MemoryError.

    Args:
        limit_mb: limit in MiB. A process that uses much already, such as a notebook, may still
            allocate half of it.
    """
    previous = soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = int(max(limit_mb, _read_current_process_data_mib() + limit_mb / 2) * MIB)
    if not visible_gpus() and (soft == resource.RLIM_INFINITY or soft > limit):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, previous)


def _read_current_process_data_mib() -> float:
    """Read the memory of this process that RLIMIT_DATA includes, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return pages * resource.getpagesize() / MIB


@contextlib.contextmanager
def _lift_memory_limit() -> Iterator[None]:
    """Remove the memory limit: `Thread.start` hangs if the new thread has no memory."""
    previous = _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, previous)


class LimitedProcess:
    """Running process in a new session; a context that ends with the kill of all its processes.

    Args:
        command: program and arguments.
        limits: the process is killed if it exceeds one.
        options: options of `subprocess.Popen`.

    Attributes:
        process: the process.
        violation: description of the exceeded limit; None without one.
    """

    def __init__(self, command: Sequence[str], limits: ProcessLimits, **options: Any):
        self.limits = limits
        self.violation: str | None = None
        options["env"] = options.get("env", os.environ) | LOW_MEMORY_ENV_VARS
        self.process = subprocess.Popen(command, start_new_session=True, **options)
        self._finished = threading.Event()
        try:
            self._set_memory_and_file_limits()
            with _lift_memory_limit():
                threading.Thread(
                    target=self._enforce_memory_and_process_limits, daemon=True
                ).start()
        except BaseException:  # such as a failure to start the thread
            self.kill()
            raise

    def __enter__(self) -> "LimitedProcess":
        return self

    def __exit__(self, *_) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill the process and all its descendants."""
        self._finished.set()
        self._kill_all()
        self.process.communicate()

    def kill_descendants(self) -> None:
        """Kill all descendants of the process."""
        for process in self._list_tree_and_session_processes():
            if process.pid != self.process.pid:
                with contextlib.suppress(psutil.Error):
                    process.kill()

    def _set_memory_and_file_limits(self) -> None:
        """Set limits per process; none of memory with GPUs, since CUDA reserves address space."""
        limits = {resource.RLIMIT_FSIZE: MAX_FILE_BYTES, resource.RLIMIT_CORE: 0}
        if not visible_gpus():
            limits[resource.RLIMIT_DATA] = int((self.limits.memory_mb + UNUSED_MB) * MIB)
        for resource_id, limit in limits.items():
            with contextlib.suppress(OSError):  # the process may have ended
                _, hard = resource.prlimit(self.process.pid, resource_id)
                limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
                resource.prlimit(self.process.pid, resource_id, (limit, hard))

    def _enforce_memory_and_process_limits(self) -> None:
        while not self._finished.wait(POLL_SECONDS):
            processes = self._list_tree_and_session_processes()
            if len(processes) > self.limits.processes:
                self.violation = f"it starts more than {self.limits.processes} processes"
            elif all(
                sum(map(memory, processes)) > self.limits.memory_mb * MIB
                for memory in (_resident_bytes, _proportional_bytes)  # the second is slow
            ):
                self.violation = f"it takes more than {self.limits.memory_mb:g} MB of memory"
            if self.violation:
                self._kill_all()
                return

    def _list_tree_and_session_processes(self) -> list[psutil.Process]:
        """Return the process, its descendants and all processes of its session."""
        processes = {}
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self.process.pid)
            processes = {child.pid: child for child in (root, *root.children(recursive=True))}
        for pid in psutil.pids():
            with contextlib.suppress(OSError, psutil.Error):
                if pid not in processes and os.getsid(pid) == self.process.pid:
                    processes[pid] = psutil.Process(pid)
        return list(processes.values())

    def _kill_all(self) -> None:
        if self.process.returncode is not None:
            return  # its process id may be reused
        processes = self._list_tree_and_session_processes()
        while processes:
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
            processes = [
                process for process in self._list_tree_and_session_processes() if _is_alive(process)
            ]


def _resident_bytes(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _proportional_bytes(process: psutil.Process) -> int:
    """Return the resident memory; shared memory counts in equal parts for all its processes."""
    with contextlib.suppress(psutil.Error):
        return process.memory_full_info().pss
    return 0


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
