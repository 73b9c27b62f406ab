"""Resume state of an unfinished run on disk; a resumed run gives the same results bit for bit."""

import contextlib
import fcntl
import pickle
import platform
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from daf.config import ExecutionConfig
from daf.files.safe_read import open_regular_file
from daf.files.safe_write import (
    atomic_write,
    make_folder_within,
    open_descriptor_for_update,
    remove_file_or_folder,
    remove_stale_temporaries,
)
from daf.jobs import live_metrics
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.plan import Run
from daf.plan.names import class_label
from daf.provenance.hashing import digest
from daf.provenance.packages import daf_and_package_versions

MAX_SAVE_TIME_FRACTION = 0.05
"""Maximum fraction of a run's time that saving takes."""


def make_resume_file_context(
    run: Run, execution: ExecutionConfig, code_hash: str, device: str, ranks: Ranks = SINGLE_RANK
) -> "ResumeFile":
    """Return the resume state of a run of the workflow.

    The folder is named after the run's resume key, so a longer run continues a shorter one.

    Args:
        run: training run.
        execution: configuration with the results folder and `save_seconds`.
        code_hash: hash of the training code.
        device: "cpu" or "cuda".
        ranks: processes of the run; their number is part of the fingerprint.
    """
    resume_key = run.resume_identity()
    hardware = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    fingerprint = digest(
        [
            resume_key,
            code_hash,
            daf_and_package_versions(),
            device,
            hardware,
            ranks.count,
        ]
    )
    name = f"{class_label(run.class_path)}-s{run.training_seed}-{digest(resume_key)[:8]}"
    folder = Path(execution.results_dir, "resume", name)
    return ResumeFile(folder, fingerprint, execution.save_seconds, ranks=ranks)


class ResumeFile:
    """File with the state of one run, as a context manager.

    The context holds a lock on the folder. SIGINT and SIGTERM take effect at the end of the update:
    the state is saved and `KeyboardInterrupt` is raised.

    Args:
        folder: folder of this run's state.
        fingerprint: hash of everything that decides the updates of the run; a file with another
            fingerprint is ignored and replaced.
        save_seconds: time between two saves in s; longer where saving would exceed
            MAX_SAVE_TIME_FRACTION.
        report: function that receives one line per warning.
        ranks: processes of the run, each with a `ResumeFile`; the first reads and writes for
            all, a stop request to any of them stops all.

    Attributes:
        stop_requested: true to save and stop after the next update; signals set it.
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

    def __enter__(self) -> "ResumeFile":
        if self.ranks.is_first:
            self._wait_and_lock_folder()
        self._handlers = {
            number: signal.signal(number, self._request_stop)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._next_save = time.monotonic() + self.save_seconds
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self.ranks.is_first:
            self._lock.close()

    def _wait_and_lock_folder(self) -> None:
        # The parent of all resume folders is inside the results folder, too.
        make_folder_within(self.file.parent, self.file.parent.parent.parent)
        self._lock = open(open_descriptor_for_update(self.file.with_name("lock")), "r+b")  # noqa: SIM115
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.report(f"{self.file.parent} is in use by another process; waiting")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        remove_stale_temporaries(self.file)

    def load(
        self, device: str, check_state: Callable[[dict[str, Any]], None] = lambda state: None
    ) -> dict[str, Any] | None:
        """Return the last saved state; None without a usable one.

        A file that is damaged or does not match this run is reported and ignored.

        Args:
            device: device of the tensors.
            check_state: function that raises ValueError for a state of another structure.
        """
        return self.ranks.broadcast_from_first_rank(
            self._read_state_file(device, check_state) if self.ranks.is_first else None
        )

    def _read_state_file(
        self, device: str, check_state: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any] | None:
        if not self.file.exists():
            return None
        try:
            with open_regular_file(self.file) as file:
                _check_uncompressed_and_intact(file)
                file.seek(0)
                saved = torch.load(file, map_location=device, weights_only=True)
            fingerprint, state = saved["fingerprint"], saved["state"]
            if fingerprint == self.fingerprint:
                check_state(state)
        except torch.OutOfMemoryError:
            raise  # the file may be intact
        except (
            OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError,
            zipfile.BadZipFile, pickle.UnpicklingError,
        ) as error:  # fmt: skip
            reason = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
            self.report(f"{self.file} is damaged ({reason}); training restarts at update 0")
            return None
        if fingerprint != self.fingerprint:
            self.report(
                f"{self.file} does not match this code, package versions, hardware or number of "
                "steps; training restarts at update 0"
            )
            return None
        return state

    def save_if_due(self, get_state: Callable[[], dict[str, Any]], force_save: bool) -> None:
        """Save the state if a save is due or forced, or if a stop is requested.

        A failed save is reported; the previous file stays and the run continues.

        Args:
            get_state: function that returns the state.
            force_save: save at any time, as after the last update.

        Raises:
            KeyboardInterrupt: stop request, after the save.
        """
        due = force_save or time.monotonic() >= self._next_save
        self.stop_requested, due = self.ranks.any_over_ranks(self.stop_requested, due)
        if not (self.stop_requested or due):
            return
        start = time.monotonic()
        whole_state = get_state()
        try:
            if self.ranks.is_first:
                self._save(whole_state)
            outcome = "state saved; run the same command again to resume"
        except OSError as error:
            outcome = f"state not saved ({error.strerror or error})"
            self.report(f"{self.file}: {outcome}; the previous state stays")
        end = time.monotonic()
        self._next_save = end + max(self.save_seconds, (end - start) / MAX_SAVE_TIME_FRACTION)
        if self.stop_requested:
            raise KeyboardInterrupt(outcome)

    @property
    def live_metrics_path(self) -> Path:
        """Path of the run's live metrics."""
        return self.file.with_name(live_metrics.FILE_NAME)

    @property
    def checkpoints_folder(self) -> Path:
        """Path of the folder with the run's checkpoints."""
        return self.file.with_name("checkpoints")

    def remove_state_metrics_and_checkpoints(self) -> None:
        """Remove the state of a completed run."""
        for path in (self.file, self.live_metrics_path, self.checkpoints_folder):
            remove_file_or_folder(path)
        self.file.with_name("lock").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another process may wait for the lock
            self.file.parent.rmdir()

    def _save(self, state: dict[str, Any]) -> None:
        try:
            with atomic_write(self.file) as file:
                torch.save({"fingerprint": self.fingerprint, "state": state}, file)
                if self.file.is_dir():
                    remove_file_or_folder(self.file)
        except RuntimeError as error:
            # torch hides the error of the file behind a message about positions.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise

    def _request_stop(self, *_: Any) -> None:
        self.stop_requested = True


def _check_uncompressed_and_intact(zip_file: BinaryIO) -> None:
    """Check that an archive of torch is not compressed and matches its checksums.

    Compressed records could expand to any size, and torch verifies no checksums.
    """
    with zipfile.ZipFile(zip_file) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it has compressed records")
        if (broken := archive.testzip()) is not None:
            raise ValueError(f"{broken} does not match its checksum")
