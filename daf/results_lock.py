"""One workflow at a time writes to a folder of results: a lock that ends with its holder."""

import contextlib
import errno
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

INHERITED = "DAF_RESULTS_LOCK"
"""Names the folder whose lock a parent process holds for this one."""

JOBS = ".jobs"
"""File in the folder of results that every running job holds a share of."""

_held: list[int] = []

_shares: set[IO] = set()


class ResultsInUse(RuntimeError):
    """Another workflow is writing to the folder of results; the message names it, one line."""


def claim(results: str) -> None:
    """Take the folder until this process ends; nothing to do if its parent holds it.

    Raises:
        ResultsInUse: another process writes there.
        OSError: the folder cannot be written.
    """
    if os.environ.get(INHERITED) != _identity(results):
        _held.append(_locked(results))


def wait_for(results: str, seconds_between: float = 0.2) -> int:
    """Take the folder, waiting for whoever writes there; a line to stderr says for whom.

    Returns:
        a file descriptor. The lock lasts until every copy of it is closed: hand it down to the
        process that works (`pass_fds`, and `environment` for its environment), then close it.

    Raises:
        OSError: the folder cannot be written.
    """
    told = False
    while True:
        try:
            return _locked(results)
        except ResultsInUse as error:
            if not told:
                print(f"{error}; waiting for it to end", file=sys.stderr, flush=True)
            told = True
            time.sleep(seconds_between)


def environment(results: str) -> dict[str, str]:
    """What tells a child that its parent holds the lock for it."""
    return {INHERITED: _identity(results)}


@contextlib.contextmanager
def working(results: str) -> Iterator[None]:
    """What a job does while it runs: nobody takes the folder before its end, even if the workflow
    that started it has been killed."""
    Path(results).mkdir(parents=True, exist_ok=True)
    with open(Path(results) / JOBS, "a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        _shares.add(file)
        try:
            yield
        finally:
            _shares.discard(file)


def _let_go() -> None:
    """In a process that a policy has forked: it must not hold for ever what its parent holds."""
    for file in _shares:
        file.close()
    for descriptor in _held:
        os.close(descriptor)
    _shares.clear()
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


def _wait_for_jobs(results: str) -> None:
    with open(Path(results) / JOBS, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{results}: waiting for jobs of an earlier call to end", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)


def _identity(results: str) -> str:
    return str(Path(results).resolve())


def _locked(results: str) -> int:
    Path(results).mkdir(parents=True, exist_ok=True)
    descriptor = os.open(Path(results) / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
        os.close(descriptor)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise ResultsInUse(f"{results} is in use by {holder}") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
    try:
        _wait_for_jobs(results)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
