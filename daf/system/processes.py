"""Processes that must not outlive the one that answers for them."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Collection
from multiprocessing import resource_tracker

import psutil

SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36
"""Options of Linux' prctl; other systems have neither."""

SECONDS_TO_END = 0.5
"""Time that what is still running may take to end."""


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process as soon as its parent is gone.

    Args:
        parent: its process id; it may have ended already.
    """
    _prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parents end, so that none escapes."""
    _prctl(SET_CHILD_SUBREAPER, 1)


def end_descendants(seconds: float = 0.0) -> int:
    """Kill all descendants of this process.

    Args:
        seconds: to wait first for those that are about to end by themselves.

    Returns:
        how many had to be killed.
    """
    deadline, killed = time.monotonic() + seconds, 0
    while living := _living(psutil.Process()):
        if time.monotonic() < deadline:
            time.sleep(0.02)
            continue
        killed += len(living)
        for process in living:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(living, timeout=5)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:  # nobody else waits for those that were adopted
            pass
    return killed


def kill_tree(pid: int) -> None:
    """Kill a process and all its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [*root.children(recursive=True), root]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def ending(status: int) -> str:
    """How a process ended, by what `os.waitpid` says of it, in words."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        return f"signal {-code}, {signal.Signals(-code).name}"
    return f"signal {-code}"


def running(*parents: int) -> dict[str, str]:
    """The child processes and threads that this process has, in words, by what identifies them.

    What Python itself ends with the process does not count: pools of threads and of processes.

    Args:
        parents: further processes whose children count.
    """
    managed = {child.pid for child in multiprocessing.active_children() if child.daemon}
    managed |= {os.getpid(), getattr(resource_tracker._resource_tracker, "_pid", None)}
    found = {}
    for parent in (os.getpid(), *parents):
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(parent).children():
                if child.pid not in managed and child.status() != psutil.STATUS_ZOMBIE:
                    found[f"{child.pid}"] = f"process {child.pid} running"
    pools = sys.modules.get("concurrent.futures.thread")
    managed_threads = {threading.main_thread(), *(pools._threads_queues if pools else ())}
    for thread in threading.enumerate():
        if not thread.daemon and thread not in managed_threads:
            found[f"thread {id(thread)}"] = (
                f"thread {thread.name} running, and the process could not end"
            )
    return found


def left_running(before: Collection[str], *parents: int) -> str:
    """Something that runs now and did not before, in words; "" if there is nothing.

    Args:
        before: what `running` found then.
        parents: as there.
    """
    deadline = time.monotonic() + SECONDS_TO_END
    while left := [said for key, said in running(*parents).items() if key not in before]:
        if time.monotonic() > deadline:
            return left[0]
        time.sleep(0.01)
    return ""


def _living(process: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
    return found


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
