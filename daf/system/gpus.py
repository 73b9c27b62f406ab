"""Which GPUs of this machine a job uses: Snakemake counts them, each job takes its own."""

import contextlib
import errno
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from daf.files.safe_read import UnsafeFile
from daf.files.safe_write import check_folder, open_in_place

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
JOB_ID_VARIABLES = ("SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID", "JOB_ID")
"""Variables that name the job of a cluster this process is part of: its GPUs are its own, and may
bear the same numbers as those of another job on the same machine."""

SECONDS_BETWEEN = 0.2


class NotEnoughGPUs(RuntimeError):
    """A job wants more GPUs than there are; the message says so, one line."""


def visible_gpus() -> list[str]:
    """The GPUs that jobs of this machine may use, as CUDA names them; without importing torch."""
    chosen = os.environ.get(VISIBLE_DEVICES)
    if chosen is not None:
        return [name for name in map(str.strip, chosen.split(",")) if name not in ("", "-1")]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


@contextlib.contextmanager
def claim_gpus(number: int, slots: int) -> Iterator[list[str]]:
    """GPUs for this process, and no others visible to it (so CUDA must not have been looked at
    before). Jobs of all workflows of this user on this machine keep apart.

    Args:
        number: how many different GPUs; 0: none are taken, and nothing is changed.
        slots: how many jobs may share a GPU; the GPUs with the fewest come first.

    Yields:
        their names; none if there are no GPUs here. While too few are free it waits, and says so.

    Raises:
        NotEnoughGPUs: there are some, but fewer than wanted.
    """
    visible = visible_gpus()
    if not number or not visible:
        yield []
        return
    if number > len(visible):
        raise NotEnoughGPUs(f"the job needs {number} GPUs; {len(visible)} are visible here")
    held = _wait_for(visible, number, slots)
    before = os.environ.get(VISIBLE_DEVICES)
    os.environ[VISIBLE_DEVICES] = ",".join(held)
    try:
        yield list(held)
    finally:
        if before is None:
            del os.environ[VISIBLE_DEVICES]
        else:
            os.environ[VISIBLE_DEVICES] = before
        for lock in held.values():
            os.close(lock)


def _wait_for(visible: list[str], number: int, slots: int) -> dict[str, int]:
    folder = _folder()
    told = False
    while True:
        with open(open_in_place(folder / "choosing"), "r+b") as choosing:
            fcntl.flock(choosing, fcntl.LOCK_EX)
            if held := _try_lock_gpus(folder, visible, number, slots):
                return held
        if not told:
            print("waiting for a GPU: all are in use", file=sys.stderr, flush=True)
        told = True
        time.sleep(SECONDS_BETWEEN)


def _try_lock_gpus(folder: Path, visible: list[str], number: int, slots: int) -> dict[str, int]:
    """Locks on so many different GPUs, by their names; none if too few are free. Slot by slot, so
    that jobs share only where they must."""
    held: dict[str, int] = {}
    for slot in range(slots):
        for name in visible:
            if name not in held and len(held) < number:
                lock = _locked(folder / f"{name.replace('/', '_')}.{slot}")
                if lock is not None:
                    held[name] = lock
    if len(held) == number:
        return {name: held[name] for name in visible if name in held}
    for lock in held.values():
        os.close(lock)
    return {}


def _locked(path: Path) -> int | None:
    """A lock that ends with this process, or None if another has it."""
    lock = open_in_place(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _folder() -> Path:
    """Where the locks are: of this machine, this user and this job of a cluster."""
    job = next((os.environ[name] for name in JOB_ID_VARIABLES if name in os.environ), "")
    folder = Path(tempfile.gettempdir(), f"daf-gpus-{os.getuid()}{job and '-' + job}")
    folder.mkdir(mode=0o700, exist_ok=True)
    check_folder(folder)
    if folder.stat().st_uid != os.getuid():
        raise UnsafeFile(errno.EPERM, "belongs to somebody else", str(folder))
    return folder
