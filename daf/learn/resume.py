"""The state of an unfinished training on disk: a killed one goes on where it was, bit for bit."""

import contextlib
import fcntl
import pickle
import platform
import shutil
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from daf.config import ExecutionConfig
from daf.files.safe_read import open_regular
from daf.files.safe_write import make_folder, open_in_place, remove_leftovers, replacing
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.plan import Run
from daf.plan.names import class_label
from daf.provenance.hashing import digest
from daf.provenance.packages import versions

MAX_SAVE_TIME_FRACTION = 0.05
"""Of the time of a training that saving may take."""


def open_resume_state(
    run: Run, execution: ExecutionConfig, code: str, device: str, ranks: Ranks = SINGLE_RANK
) -> "ResumeState":
    """Where a training of the workflow keeps its state: in a folder named after its course, so that
    more steps of the same training go on from it.

    Args:
        code: hash of the code that trains.
        device: "cpu" or "cuda".
        ranks: those that train together; others go on from other states.
    """
    course = run.resume_key()
    kind = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    conditions = [course, code, versions(), device, kind, ranks.count]
    name = f"{class_label(run.class_path)}-s{run.training_seed}-{digest(course)[:8]}"
    folder = Path(execution.results_dir, "resume", name)
    return ResumeState(folder, digest(conditions), execution.save_seconds, ranks=ranks)


class ResumeState:
    """Keeps the state of one training in a folder of its own, as a context.

    Inside, nobody else writes there, and SIGINT and SIGTERM wait for the end of the update: then
    the state is saved, and `KeyboardInterrupt` raised.

    Args:
        folder: for this training alone.
        fingerprint: of all that decides the course of the training; a state with another one is
            ignored, and replaced.
        save_seconds: time between two states; longer where saving would take more than 5 %.
        report: receives a line for whatever the user should know.
        ranks: those that train together, all of which have one of these: the first reads and writes
            for all, each can be asked to stop.

    Attributes:
        asked_to_stop: save after the next update and stop; a signal sets it.
    """

    def __init__(
        self,
        folder: str | Path,
        fingerprint: str,
        save_seconds: float = 60.0,
        report: Callable[[str], None] = print,
        ranks: Ranks = SINGLE_RANK,
    ):
        self.ranks = ranks
        self.file = Path(folder, "state.pt")
        self.fingerprint = fingerprint
        self.save_seconds = save_seconds
        self.report = report
        self.stop_requested = False
        self._next_save = 0.0

    def __enter__(self) -> "ResumeState":
        if self.ranks.first:
            self._lock_folder()
        self._handlers = {
            number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._next_save = time.monotonic() + self.save_seconds
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self.ranks.first:
            self._lock.close()

    def _lock_folder(self) -> None:
        # The folder of all states lies within the results, too.
        make_folder(self.file.parent, self.file.parent.parent.parent)
        self._lock = open(open_in_place(self.file.with_name("lock")), "r+b")  # noqa: SIM115
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.report(f"{self.file.parent} is in use by another training; waiting for its end")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        remove_leftovers(self.file)

    def load(
        self, device: str, check: Callable[[dict[str, Any]], None] = lambda state: None
    ) -> dict[str, Any] | None:
        """What was saved last, with its tensors on `device`; None if there is nothing to go on
        from. A file that is damaged or belongs to another training is told and ignored.

        Args:
            check: raises ValueError if it is not a state of this training.
        """
        return self.ranks.broadcast(self._read(device, check) if self.ranks.first else None)

    def _read(self, device: str, check: Callable[[dict[str, Any]], None]) -> dict[str, Any] | None:
        if not self.file.exists():
            return None
        try:
            with open_regular(self.file) as file:
                _check_archive(file)
                file.seek(0)
                saved = torch.load(file, map_location=device, weights_only=True)
            fingerprint, state = saved["fingerprint"], saved["state"]
            if fingerprint == self.fingerprint:
                check(state)
        except torch.OutOfMemoryError:
            raise  # with the state as it is
        except (
            OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError,
            zipfile.BadZipFile, pickle.UnpicklingError,
        ) as error:  # fmt: skip
            reason = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
            self.report(f"{self.file} is damaged ({reason}); starting from the beginning")
            return None
        if fingerprint != self.fingerprint:
            self.report(
                f"{self.file} was made by other code, versions or hardware, or for another length; "
                "starting from the beginning"
            )
            return None
        return state

    def save_if_due(self, state: Callable[[], dict[str, Any]], last: bool) -> None:
        """Save the state if it is time to, or if it is the last. Where it cannot be written, that
        is told, the one before stays, and the training goes on.

        Raises:
            KeyboardInterrupt: somebody wants the training to stop; what it can go on from is saved.
        """
        due = last or time.monotonic() >= self._next_save
        self.stop_requested, due = self.ranks.any(self.stop_requested, due)
        if not (self.stop_requested or due):
            return
        begin = time.monotonic()
        whole = state()
        try:
            if self.ranks.first:
                self._save(whole)
            kept = "the state is saved, the same call goes on from there"
        except OSError as error:
            kept = f"the state could not be saved ({error.strerror or error})"
            self.report(f"{self.file}: {kept}; the one before stays")
        end = time.monotonic()
        self._next_save = end + max(self.save_seconds, (end - begin) / MAX_SAVE_TIME_FRACTION)
        if self.stop_requested:
            raise KeyboardInterrupt(kept)

    def discard(self) -> None:
        """Remove the state: the training is complete and its results are in their place."""
        self._clear()
        self.file.with_name("lock").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody waits there
            self.file.parent.rmdir()

    def _save(self, state: dict[str, Any]) -> None:
        try:
            with replacing(self.file) as file:
                torch.save({"fingerprint": self.fingerprint, "state": state}, file)
                if self.file.is_dir():
                    self._clear()
        except RuntimeError as error:
            # torch hides what the file said behind a message about positions.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise

    def _clear(self) -> None:
        """Remove what stands where the state belongs, be it a folder."""
        if self.file.is_dir() and not self.file.is_symlink():
            shutil.rmtree(self.file)
        else:
            self.file.unlink(missing_ok=True)

    def _stop(self, *_) -> None:
        self.stop_requested = True


def check_same_structure(saved: Any, like: Any, name: str = "state") -> None:
    """Plain data with tensors is made as other data is: the same keys, types and shapes.

    Raises:
        ValueError: naming the first part that is not.
    """
    kept = type(saved) is type(like) or (
        isinstance(saved, torch.Tensor) and isinstance(like, torch.Tensor)
    )
    if isinstance(like, torch.Tensor) and kept:
        kept = saved.shape == like.shape and saved.dtype == like.dtype
    elif isinstance(like, dict) and kept:
        kept = saved.keys() == like.keys()
    elif isinstance(like, list | tuple) and kept:
        kept = len(saved) == len(like)
    if not kept:
        raise ValueError(f"{name} is not made as it should be")
    if isinstance(like, dict):
        for key in like:
            check_same_structure(saved[key], like[key], f"{name}.{key}")
    elif isinstance(like, list | tuple):
        for number, (part, other) in enumerate(zip(saved, like)):
            check_same_structure(part, other, f"{name}.{number}")


def _check_archive(file: BinaryIO) -> None:
    """torch stores its records as they are: compressed ones could be of any size. It does not look
    at their checksums either."""
    with zipfile.ZipFile(file) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it has compressed records")
        if (broken := archive.testzip()) is not None:
            raise ValueError(f"{broken} does not match its checksum")
