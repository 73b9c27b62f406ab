"""Assignment of GPUs of this machine to jobs: Snakemake counts GPUs, each job locks its GPUs."""

import contextlib
import errno
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from daf.files.safe_read import UnsafeFileError
from daf.files.safe_write import check_folder, open_for_update

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
JOB_ID_VARIABLES = ("SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID", "JOB_ID")
"""Environment variables with the id of a cluster job.

A cluster job has exclusive GPUs. Their numbers may equal those of another job on the same machine.
"""

POLL_SECONDS = 0.2


class NotEnoughGPUsError(RuntimeError):
    """Too few visible GPUs for a job; one line."""


def visible_gpus() -> list[str]:
    """Return the names of the visible GPUs, as CUDA names them, without importing torch."""
    visible = os.environ.get(VISIBLE_DEVICES)
    if visible is not None:
        return [name for name in map(str.strip, visible.split(",")) if name not in ("", "-1")]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


@contextlib.contextmanager
def claim_gpus(count: int, jobs_per_gpu: int) -> Iterator[list[str]]:
    """Lock GPUs for this process, and hide all others from CUDA.

    CUDA must not be initialized before. The locks are shared by all workflows of this user on this
    machine. If too few GPUs are free, the call waits, and prints so.

    Args:
        count: number of different GPUs; 0: nothing is locked or hidden.
        jobs_per_gpu: number of jobs that may share a GPU. GPUs with the fewest jobs come first.

    Yields:
        the names of the locked GPUs; empty without visible GPUs.

    Raises:
        NotEnoughGPUsError: fewer GPUs are visible than `count`.
    """
    visible = visible_gpus()
    if not count or not visible:
        yield []
        return
    if count > len(visible):
        raise NotEnoughGPUsError(f"the job needs {count} GPUs; {len(visible)} are visible here")
    locks = _wait_for_gpus(visible, count, jobs_per_gpu)
    previous = os.environ.get(VISIBLE_DEVICES)
    os.environ[VISIBLE_DEVICES] = ",".join(locks)
    try:
        yield list(locks)
    finally:
        if previous is None:
            del os.environ[VISIBLE_DEVICES]
        else:
            os.environ[VISIBLE_DEVICES] = previous
        for lock in locks.values():
            os.close(lock)


def _wait_for_gpus(visible: list[str], count: int, jobs_per_gpu: int) -> dict[str, int]:
    """Return the lock descriptors of GPUs by name, after waiting until enough are free."""
    folder = _lock_folder()
    is_reported = False
    while True:
        with open(open_for_update(folder / "choosing"), "r+b") as choosing:
            fcntl.flock(choosing, fcntl.LOCK_EX)
            if locks := _try_lock_gpus(folder, visible, count, jobs_per_gpu):
                return locks
        if not is_reported:
            print("waiting for a GPU: all are in use", file=sys.stderr, flush=True)
        is_reported = True
        time.sleep(POLL_SECONDS)


def _try_lock_gpus(
    folder: Path, visible: list[str], count: int, jobs_per_gpu: int
) -> dict[str, int]:
    """Return the lock descriptors of GPUs by name; empty if too few are free.

    The outer loop is over slots, so that jobs share a GPU only if no unused GPU is left.
    """
    locks: dict[str, int] = {}
    for slot in range(jobs_per_gpu):
        for name in visible:
            if name not in locks and len(locks) < count:
                lock = _try_lock(folder / f"{name.replace('/', '_')}.{slot}")
                if lock is not None:
                    locks[name] = lock
    if len(locks) == count:
        return {name: locks[name] for name in visible if name in locks}
    for lock in locks.values():
        os.close(lock)
    return {}


def _try_lock(path: Path) -> int | None:
    """Return the descriptor of a lock that ends with this process; None if another holds it."""
    lock = open_for_update(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _lock_folder() -> Path:
    """Return the folder of the locks, one per machine, user and cluster job."""
    job = next((os.environ[name] for name in JOB_ID_VARIABLES if name in os.environ), "")
    folder = Path(tempfile.gettempdir(), f"daf-gpus-{os.getuid()}{job and '-' + job}")
    folder.mkdir(mode=0o700, exist_ok=True)
    check_folder(folder)
    if folder.stat().st_uid != os.getuid():
        raise UnsafeFileError(errno.EPERM, "belongs to another user", str(folder))
    return folder
