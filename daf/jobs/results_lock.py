"""Lock of a results folder: one workflow writes to it at a time.

The lock ends with the process that holds it.
"""

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
from typing import TypeVar

import psutil

from daf.files.safe_read import UnsafeFileError, read_bytes
from daf.files.safe_write import check_real_folder, open_descriptor_for_update

LOCK_FILE = ".lock"
"""File in the results folder with the exclusive lock of the workflow that writes there."""

LOCK_VARIABLE = "DAF_RESULTS_LOCK"
"""Environment variable with the results folder that a parent process has locked."""

JOBS_FILE = ".jobs"
"""File in the results folder with the shared locks of running jobs."""

WRITTEN_BY_SNAKEMAKE = ("logs", "timings", "resume")
"""Folders in which Snakemake itself opens files, and follows links."""

LockDescriptor = int
"""File descriptor of a lock; the lock lasts until every copy of the descriptor is closed."""

Acquired = TypeVar("Acquired")

_LOCK_HOLDER = re.compile(r"process ([0-9]{1,9}) on ([A-Za-z0-9_.-]+)")

_exclusive_locks: list[LockDescriptor] = []
_shared_locks: set[LockDescriptor] = set()


class ResultsInUseError(RuntimeError):
    """Another workflow writes to the results folder; the message names it in one line."""


def lock_results_until_exit(results_dir: str) -> None:
    """Lock the results folder until this process ends, unless a parent process has locked it.

    Raises:
        ResultsInUseError: another process writes to the folder.
        UnsafeFileError: the workflow would write through a link.
        OSError: the folder cannot be written.
    """
    _check_no_links_in_snakemake_folders(Path(results_dir))
    if os.environ.get(LOCK_VARIABLE) != _resolved_path(results_dir):
        _exclusive_locks.append(_lock_and_wait_for_running_jobs(results_dir))


def wait_and_lock_results(results_dir: str, poll_seconds: float = 0.2) -> LockDescriptor:
    """Lock the results folder; wait for another holder, and name it on stderr.

    Returns:
        the descriptor. Pass it to the writing process by `pass_fds`, with
        `lock_variables_for_children` in its environment. Then close it.

    Raises:
        OSError: the folder cannot be written.
    """
    return _retry_while_in_use(lambda: _lock_and_wait_for_running_jobs(results_dir), poll_seconds)


@contextlib.contextmanager
def hold_read_lock(results_dir: str) -> Iterator[None]:
    """Keep workflows from writing to the results folder during the block.

    Waits for a workflow that writes there, and names it on stderr. Does not create or change any
    file of the folder. A folder without lock files is not in use.

    Raises:
        ResultsInUseError: a workflow started to write during the block; raised at its end.
        OSError: a lock cannot be acquired.
    """
    lock = _open_existing_lock_file(Path(results_dir, LOCK_FILE))
    jobs = _open_existing_lock_file(Path(results_dir, JOBS_FILE))
    try:
        if lock is not None:
            _retry_while_in_use(lambda: _lock_or_raise(lock, fcntl.LOCK_SH, results_dir))
        if jobs is not None:
            _wait_for_running_jobs(jobs, results_dir)
            fcntl.flock(jobs, fcntl.LOCK_UN)
        yield
    finally:
        for descriptor in filter(None, (lock, jobs)):
            os.close(descriptor)
    if lock is None and _can_open_existing_lock_file(Path(results_dir, LOCK_FILE)):
        raise ResultsInUseError(f"{results_dir}: a workflow started to write there")


def find_lock_holder_pid(results_dir: str | Path) -> int | None:
    """Return the id of the process on this host that locked the results folder last, if it runs."""
    path = Path(results_dir, LOCK_FILE)
    with contextlib.suppress(OSError, psutil.Error):
        match = _LOCK_HOLDER.fullmatch(read_bytes(path, 200).decode(errors="replace").strip())
        if match and match[2] == os.uname().nodename:
            process = psutil.Process(int(match[1]))
            # Process ids are reused.
            is_holder = process.create_time() <= path.stat().st_mtime + 1
            return process.pid if is_holder else None
    return None


def lock_variables_for_children(results_dir: str) -> dict[str, str]:
    """Return the environment of a child process whose parent has locked the folder."""
    return {LOCK_VARIABLE: _resolved_path(results_dir)}


@contextlib.contextmanager
def hold_shared_job_lock(results_dir: str) -> Iterator[None]:
    """Hold a shared lock on the results folder while a job runs, even if its workflow is killed."""
    Path(results_dir).mkdir(parents=True, exist_ok=True)
    jobs = open_descriptor_for_update(Path(results_dir) / JOBS_FILE)
    _shared_locks.add(jobs)
    try:
        fcntl.flock(jobs, fcntl.LOCK_SH)
        yield
    finally:
        _shared_locks.discard(jobs)
        os.close(jobs)


def _close_locks_after_fork() -> None:
    """Close the inherited locks in a forked child, which may outlive its parent."""
    for descriptor in (*_shared_locks, *_exclusive_locks):
        os.close(descriptor)
    _shared_locks.clear()
    _exclusive_locks.clear()


os.register_at_fork(after_in_child=_close_locks_after_fork)


def _retry_while_in_use(acquire: Callable[[], Acquired], poll_seconds: float = 0.2) -> Acquired:
    """Call `acquire` until it no longer raises `ResultsInUseError`; return its result."""
    is_reported = False
    while True:
        try:
            return acquire()
        except ResultsInUseError as error:
            if not is_reported:
                print(f"{error}; waiting for it to end", file=sys.stderr, flush=True)
            is_reported = True
            time.sleep(poll_seconds)


def _lock_or_raise(descriptor: LockDescriptor, lock_operation: int, results_dir: str) -> None:
    """Lock a file without waiting.

    Args:
        descriptor: open lock file.
        lock_operation: `fcntl.LOCK_SH` or `fcntl.LOCK_EX`.
        results_dir: results folder, for the error.

    Raises:
        ResultsInUseError: another process holds the lock.
    """
    try:
        fcntl.flock(descriptor, lock_operation | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise ResultsInUseError(
            f"{results_dir} is in use by {_describe_lock_holder(descriptor)}"
        ) from None


def _describe_lock_holder(descriptor: LockDescriptor) -> str:
    """Return the process that a lock file names; a reader does not write its name."""
    content = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
    match = _LOCK_HOLDER.fullmatch(content)
    if match and (match[2] != os.uname().nodename or psutil.pid_exists(int(match[1]))):
        return content
    return "another process"


def _wait_for_running_jobs(jobs_lock_descriptor: LockDescriptor, results_dir: str) -> None:
    try:
        fcntl.flock(jobs_lock_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{results_dir}: waiting for jobs of an earlier call to end", file=sys.stderr)
        fcntl.flock(jobs_lock_descriptor, fcntl.LOCK_EX)


def _open_existing_lock_file(path: Path) -> LockDescriptor | None:
    """Open a lock file if it exists; some file systems can lock only writable files."""
    for flags in (os.O_RDWR, os.O_RDONLY):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.lstat(path).st_mode):
                return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return None


def _can_open_existing_lock_file(path: Path) -> bool:
    descriptor = _open_existing_lock_file(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def _check_no_links_in_snakemake_folders(results_dir: Path) -> None:
    """Check that Snakemake's own files and folders do not lead out of the results folder.

    Raises:
        UnsafeFileError: one of them is a link, or a folder is something else.
    """
    for name in WRITTEN_BY_SNAKEMAKE:
        top = results_dir / name
        if not os.path.lexists(top):
            continue
        check_real_folder(top)
        for folder, subfolders, files in os.walk(top):
            for entry in (*subfolders, *files):
                path = Path(folder, entry)
                if path.is_symlink():
                    reason = "is a link; DAF does not write through links"
                    raise UnsafeFileError(errno.ELOOP, reason, str(path))


def _resolved_path(results_dir: str) -> str:
    return str(Path(results_dir).resolve())


def _lock_and_wait_for_running_jobs(results_dir: str) -> LockDescriptor:
    Path(results_dir).mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as cleanup:
        descriptor = open_descriptor_for_update(Path(results_dir) / LOCK_FILE)
        cleanup.callback(os.close, descriptor)
        _lock_or_raise(descriptor, fcntl.LOCK_EX, results_dir)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
        jobs = open_descriptor_for_update(Path(results_dir) / JOBS_FILE)
        try:
            _wait_for_running_jobs(jobs, results_dir)
        finally:
            os.close(jobs)
        cleanup.pop_all()
    return descriptor
