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
from daf.files.safe_write import check_real_folder, open_descriptor_for_update
from daf.system.gpus import VISIBLE_DEVICES, visible_gpus

JOB_ID_VARIABLES = ("SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID", "JOB_ID")
"""Environment variables with the id of a cluster job.

A cluster job has exclusive GPUs. Their numbers may equal those of another job on the same machine.
"""

POLL_SECONDS = 0.2

LockByGPU = dict[str, int]
"""Descriptor of the lock file of each locked GPU, by its name."""


class NotEnoughGPUsError(RuntimeError):
    """Too few visible GPUs for a job; one line."""


@contextlib.contextmanager
def claim_gpus(num_gpus: int, jobs_per_gpu: int) -> Iterator[list[str]]:
    """Lock GPUs for this process, and hide all others from CUDA.

    CUDA must not be initialized before. The locks are shared by all workflows of this user on this
    machine. If too few GPUs are free, the call waits, and prints so.

    Args:
        num_gpus: number of different GPUs; 0: nothing is locked or hidden.
        jobs_per_gpu: number of jobs that may share a GPU. GPUs with the fewest jobs come first.

    Yields:
        the names of the locked GPUs; empty without visible GPUs.

    Raises:
        NotEnoughGPUsError: fewer GPUs are visible than `num_gpus`.
    """
    visible_names = visible_gpus()
    if not num_gpus or not visible_names:
        yield []
        return
    if num_gpus > len(visible_names):
        raise NotEnoughGPUsError(
            f"the job needs {num_gpus} GPUs; {len(visible_names)} are visible here"
        )
    locks = _wait_and_lock_gpus(visible_names, num_gpus, jobs_per_gpu)
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


def _wait_and_lock_gpus(visible_names: list[str], num_gpus: int, jobs_per_gpu: int) -> LockByGPU:
    """Wait until enough GPUs are free, and return their locks."""
    folder = _make_lock_folder()
    is_reported = False
    while True:
        with open(open_descriptor_for_update(folder / "choosing"), "r+b") as choosing:
            fcntl.flock(choosing, fcntl.LOCK_EX)
            if locks := _try_lock_gpus(folder, visible_names, num_gpus, jobs_per_gpu):
                return locks
        if not is_reported:
            print("waiting for a GPU: all are in use", file=sys.stderr, flush=True)
        is_reported = True
        time.sleep(POLL_SECONDS)


def _try_lock_gpus(
    lock_folder: Path, visible_names: list[str], num_gpus: int, jobs_per_gpu: int
) -> LockByGPU:
    """Return the locks of the first free GPUs; empty if too few are free.

    The outer loop is over slots, so that jobs share a GPU only if no unused GPU is left.
    """
    locks: LockByGPU = {}
    for slot in range(jobs_per_gpu):
        for name in visible_names:
            if name not in locks and len(locks) < num_gpus:
                lock = _try_lock_file(lock_folder / f"{name.replace('/', '_')}.{slot}")
                if lock is not None:
                    locks[name] = lock
    if len(locks) == num_gpus:
        return {name: locks[name] for name in visible_names if name in locks}
    for lock in locks.values():
        os.close(lock)
    return {}


def _try_lock_file(path: Path) -> int | None:
    """Return the descriptor of a lock that ends with this process; None if another holds it."""
    lock = open_descriptor_for_update(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _make_lock_folder() -> Path:
    """Return the folder of the locks, one per machine, user and cluster job."""
    job = next((os.environ[name] for name in JOB_ID_VARIABLES if name in os.environ), "")
    folder = Path(tempfile.gettempdir(), f"daf-gpus-{os.getuid()}{job and '-' + job}")
    folder.mkdir(mode=0o700, exist_ok=True)
    check_real_folder(folder)
    if folder.stat().st_uid != os.getuid():
        raise UnsafeFileError(errno.EPERM, "belongs to another user", str(folder))
    return folder
