"""One workflow at a time writes to a folder of results: a lock that ends with its holder."""

import contextlib
import errno
import fcntl
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from daf.files.safe_read import UnsafeFile
from daf.files.safe_write import check_folder, open_in_place

LOCK = ".lock"
"""File in the folder of results that whoever writes there holds."""

LOCK_VARIABLE = "DAF_RESULTS_LOCK"
"""Names the folder whose lock a parent process holds for this one."""

JOBS_FILE = ".jobs"
"""File in the folder of results that every running job holds a share of."""

WRITTEN_BY_SNAKEMAKE = ("logs", "timings", "resume")
"""Folders in which Snakemake opens files by their names, be they links or not."""

_held: list[int] = []

_shares: set[int] = set()


class ResultsInUse(RuntimeError):
    """Another workflow is writing to the folder of results; the message names it, one line."""


def lock_results(results: str) -> None:
    """Take the folder until this process ends; nothing to do if its parent holds it.

    Raises:
        ResultsInUse: another process writes there.
        UnsafeFile: what the workflow would write to is a link.
        OSError: the folder cannot be written.
    """
    _check_links(Path(results))
    if os.environ.get(LOCK_VARIABLE) != _identity(results):
        _held.append(_locked(results))


def wait_and_lock(results: str, seconds_between: float = 0.2) -> int:
    """Take the folder, waiting for whoever writes there; a line to stderr says for whom.

    Returns:
        a file descriptor. The lock lasts until every copy of it is closed: hand it down to the
        process that works (`pass_fds`, and `lock_environment` for its environment), then close it.

    Raises:
        OSError: the folder cannot be written.
    """
    return _patiently(lambda: _locked(results), seconds_between)


@contextlib.contextmanager
def reading(results: str) -> Iterator[None]:
    """Inside, nobody begins to write to the folder: whoever writes there is waited for, and a line
    to stderr says for whom. Nothing is made or changed in the folder, which may be anybody's; where
    it has no lock, nobody writes there.

    Raises:
        ResultsInUse: at the end, if somebody has begun all the same.
        OSError: a lock cannot be taken.
    """
    lock = _opened(Path(results, LOCK))
    jobs = _opened(Path(results, JOBS_FILE))
    try:
        if lock is not None:
            _patiently(lambda: _take(lock, fcntl.LOCK_SH, results))
        if jobs is not None:
            _wait_for_jobs(jobs, results)
            fcntl.flock(jobs, fcntl.LOCK_UN)
        yield
    finally:
        for descriptor in filter(None, (lock, jobs)):
            os.close(descriptor)
    if lock is None and _opened_by_somebody(Path(results, LOCK)):
        raise ResultsInUse(f"{results}: a workflow has begun to write there")


def lock_environment(results: str) -> dict[str, str]:
    """What tells a child that its parent holds the lock for it."""
    return {LOCK_VARIABLE: _identity(results)}


@contextlib.contextmanager
def hold_shared_lock(results: str) -> Iterator[None]:
    """What a job does while it runs: nobody takes the folder before its end, even if the workflow
    that started it has been killed."""
    Path(results).mkdir(parents=True, exist_ok=True)
    jobs = open_in_place(Path(results) / JOBS_FILE)
    _shares.add(jobs)
    try:
        fcntl.flock(jobs, fcntl.LOCK_SH)
        yield
    finally:
        _shares.discard(jobs)
        os.close(jobs)


def _let_go() -> None:
    """In a process that a policy has forked: it must not hold for ever what its parent holds."""
    for descriptor in (*_shares, *_held):
        os.close(descriptor)
    _shares.clear()
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


def _patiently(take: Callable[[], int], seconds_between: float = 0.2) -> int:
    """Try until nobody has the folder in use."""
    told = False
    while True:
        try:
            return take()
        except ResultsInUse as error:
            if not told:
                print(f"{error}; waiting for it to end", file=sys.stderr, flush=True)
            told = True
            time.sleep(seconds_between)


def _take(lock: int, how: int, results: str) -> int:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise ResultsInUse(f"{results} is in use by {_holder(lock)}") from None
    return lock


def _holder(lock: int) -> str:
    """Who has a lock; who only reads does not write that into it."""
    told = os.pread(lock, 200, 0).decode(errors="replace").strip()
    named = re.fullmatch(r"process ([0-9]{1,9}) on ([A-Za-z0-9_.-]+)", told)
    if named and (named[2] != os.uname().nodename or psutil.pid_exists(int(named[1]))):
        return told
    return "another process"


def _wait_for_jobs(jobs: int, results: str) -> None:
    try:
        fcntl.flock(jobs, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{results}: waiting for jobs of an earlier call to end", file=sys.stderr)
        fcntl.flock(jobs, fcntl.LOCK_EX)


def _opened(path: Path) -> int | None:
    """A lock that is there and may be opened; locks of some file systems have to be writable."""
    for flags in (os.O_RDWR, os.O_RDONLY):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.lstat(path).st_mode):
                return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return None


def _opened_by_somebody(path: Path) -> bool:
    descriptor = _opened(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def _check_links(results: Path) -> None:
    """Nothing that Snakemake writes to by itself may lead out of the folder of results.

    Raises:
        UnsafeFile: something is a link, or no folder.
    """
    for top in WRITTEN_BY_SNAKEMAKE:
        folder = results / top
        if not os.path.lexists(folder):
            continue
        check_folder(folder)
        for place, folders, files in os.walk(folder):
            for name in (*folders, *files):
                path = Path(place, name)
                if path.is_symlink():
                    reason = "is a link, through which nothing is written"
                    raise UnsafeFile(errno.ELOOP, reason, str(path))


def _identity(results: str) -> str:
    return str(Path(results).resolve())


def _locked(results: str) -> int:
    Path(results).mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as opened:
        descriptor = open_in_place(Path(results) / LOCK)
        opened.callback(os.close, descriptor)
        _take(descriptor, fcntl.LOCK_EX, results)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
        jobs = open_in_place(Path(results) / JOBS_FILE)
        try:
            _wait_for_jobs(jobs, results)
        finally:
            os.close(jobs)
        opened.pop_all()
    return descriptor
