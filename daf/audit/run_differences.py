"""Differences of a run, which is not retrained, from its sidecar and its first updates."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from daf.audit.differences import find_byte_difference, find_table_difference
from daf.audit.jobs import TrainJob
from daf.audit.learning_curve import find_curve_mismatch
from daf.audit.machine_errors import is_machine_error
from daf.audit.worker import WorkerClient
from daf.config import ConfigError
from daf.files.parquet import load_table
from daf.plan import Run


def find_differences_from_first_updates(
    results_dir: Path, files: Mapping[str, str], job: TrainJob, worker: WorkerClient
) -> dict[str, str | None]:
    """Compare the files of a run with its sidecar and its re-executed first updates.

    Args:
        results_dir: results folder.
        files: files of the run, relative to the results folder, by output name.
        job: job of the run.
        worker: process that re-executes the updates.

    Returns:
        First difference of each file in words; None without one.

    Raises:
        CannotVerifyError: the updates cannot be re-executed.
    """
    compare = dict.fromkeys(files, find_byte_difference)
    compare["metrics"] = partial(_find_curve_difference, run=job.run)
    try:
        with worker.temporary_job_folder() as folder:
            worker.reexecute_first_updates(files["weights"], folder)
            return {
                file: _find_difference_or_recorded_defect(
                    compare[kind], results_dir / file, folder / file
                )
                for kind, file in files.items()
            }
    except ConfigError as error:
        if is_machine_error(error):
            raise
        return dict.fromkeys(files.values(), f"{error}")


def _find_difference_or_recorded_defect(
    find_difference: Callable[[Path, Path], str | None], recorded_file: Path, reexecuted_file: Path
) -> str | None:
    """Return the first difference in words, or the reason why the recorded file is invalid."""
    try:
        return find_difference(recorded_file, reexecuted_file)
    except ConfigError as error:
        if is_machine_error(error):
            raise
        return f"{error}".removeprefix(f"{recorded_file}: ")


def _find_curve_difference(recorded_file: Path, reexecuted_file: Path, run: Run) -> str | None:
    curve = load_table(recorded_file)
    if mismatch := find_curve_mismatch(curve, run):
        return mismatch
    if not reexecuted_file.is_file():
        return None
    first_rows = load_table(reexecuted_file)
    return find_table_difference(curve[list(first_rows.columns)].head(len(first_rows)), first_rows)
