"""Control of child processes: none outlives the process that is responsible for it."""

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
"""Options of prctl on Linux."""

SECONDS_TO_END = 0.5
"""Time limit for the end of left-over processes and threads."""


def die_with_parent(parent_pid: int) -> None:
    """Make the kernel kill this process when its parent ends.

    Args:
        parent_pid: process id of the parent, which may have ended already.
    """
    _try_prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def adopt_orphaned_descendants() -> None:
    """Make this process the parent of its orphaned descendants."""
    _try_prctl(SET_CHILD_SUBREAPER, 1)


def wait_then_kill_descendants(wait_seconds: float) -> int:
    """Wait for all descendants of this process, and kill those that do not end in time.

    Args:
        wait_seconds: time to wait before the kill, in s.

    Returns:
        number of killed processes.
    """
    deadline, num_killed = time.monotonic() + wait_seconds, 0
    while living := _living_descendants(psutil.Process()):
        if time.monotonic() < deadline:
            time.sleep(0.02)
            continue
        num_killed += len(living)
        for process in living:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(living, timeout=5)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:  # reaps adopted orphans
            pass
    return num_killed


def kill_tree(pid: int) -> None:
    """Kill a process and all its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [*root.children(recursive=True), root]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def format_exit_status(wait_status: int) -> str:
    """Return a description of an exit status from `os.waitpid`."""
    code = os.waitstatus_to_exitcode(wait_status)
    if code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        return f"signal {-code}, {signal.Signals(-code).name}"
    return f"signal {-code}"


def describe_children_and_threads(*include_children_of_pids: int) -> dict[str, str]:
    """Return descriptions of running child processes and non-daemon threads, by an identifier.

    Pools of threads and processes are excluded, since Python ends them at exit.

    Args:
        include_children_of_pids: ids of further processes whose children are included.
    """
    managed = {child.pid for child in multiprocessing.active_children() if child.daemon}
    managed |= {os.getpid(), getattr(resource_tracker._resource_tracker, "_pid", None)}
    running = {}
    for parent in (os.getpid(), *include_children_of_pids):
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(parent).children():
                if child.pid not in managed and child.status() != psutil.STATUS_ZOMBIE:
                    running[f"{child.pid}"] = f"process {child.pid} running"
    pools = sys.modules.get("concurrent.futures.thread")
    managed_threads = {threading.main_thread(), *(pools._threads_queues if pools else ())}
    for thread in threading.enumerate():
        if not thread.daemon and thread not in managed_threads:
            running[f"thread {id(thread)}"] = (
                f"thread {thread.name} running, and the process could not end"
            )
    return running


def describe_new_child_or_thread(
    previously_running: Collection[str], *include_children_of_pids: int
) -> str:
    """Return the description of a process or thread that was not running before; "" if none.

    Args:
        previously_running: identifiers of an earlier call of `describe_children_and_threads`.
        include_children_of_pids: ids of further processes whose children are included.
    """
    deadline = time.monotonic() + SECONDS_TO_END
    while new := [
        text
        for key, text in describe_children_and_threads(*include_children_of_pids).items()
        if key not in previously_running
    ]:
        if time.monotonic() > deadline:
            return new[0]
        time.sleep(0.01)
    return ""


def _living_descendants(process: psutil.Process) -> list[psutil.Process]:
    living = []
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                living.append(child)
    return living


def _try_prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
