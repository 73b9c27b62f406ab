"""Checks of the files of a run that is not retrained."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from daf.audit.differences import find_byte_difference, find_table_difference
from daf.audit.findings import DERIVED, Findings
from daf.audit.jobs import Train
from daf.audit.learning_curve import find_curve_mismatch
from daf.audit.machine_errors import format_error_line, is_machine_error
from daf.audit.worker import Worker
from daf.config import ConfigError
from daf.files.parquet import load_table
from daf.plan import Run

ALL = "all"
"""Value of `retrain` that selects every run."""


def record_training_checks(
    results_dir: Path, weights_file: str, job: Train, findings: Findings, worker: Worker
) -> dict[str, str]:
    """Compare a run with its sidecar and its re-executed first updates; record passed checks.

    Args:
        results_dir: results folder.
        weights_file: weights file of the run, relative to the results folder.
        job: job of the run.
        findings: receiver of the passed checks and of the need for retraining.
        worker: process that re-executes the updates.

    Returns:
        First difference of each file that differs, in words.
    """
    files = job.output_paths("")
    try:
        with worker.temporary_job_folder() as folder:
            prefix = worker.reexecute_first_updates(weights_file, folder)
            compare = {kind: find_byte_difference for kind in ("run", "policy", "weights")}
            compare["metrics"] = partial(_find_curve_difference, run=job.run)
            differences = {
                file: _find_file_difference(compare[kind], results_dir / file, prefix / file)
                for kind, file in files.items()
            }
    except Exception as error:  # the files may hold anything
        if not isinstance(error, ConfigError) or is_machine_error(error):
            reason = f"first updates cannot be re-executed: {format_error_line(error)}"
            findings.mark_unverifiable(list(files.values()), reason)
            return {}
        differences = dict.fromkeys(files.values(), f"{error}")
    for kind in ("run", "policy"):
        if differences[files[kind]] is None:
            findings[files[kind]].checked.append(DERIVED)
    for kind, content in (("weights", "weights"), ("metrics", "learning curve")):
        findings[files[kind]].needs_retraining.append(
            f"{content} of a run that was not retrained (--retrain {job.run.name}, or {ALL})"
        )
    return {file: difference for file, difference in differences.items() if difference}


def _find_file_difference(
    find_difference: Callable[[Path, Path], str | None], recorded: Path, reexecuted: Path
) -> str | None:
    """Return the first difference in words, or the reason why the recorded file is invalid."""
    try:
        return find_difference(recorded, reexecuted)
    except ConfigError as error:
        if is_machine_error(error):
            raise
        return f"{error}".removeprefix(f"{recorded}: ")


def _find_curve_difference(recorded: Path, reexecuted: Path, run: Run) -> str | None:
    curve = load_table(recorded)
    if mismatch := find_curve_mismatch(curve, run):
        return mismatch
    if not reexecuted.is_file():
        return None
    first_rows = load_table(reexecuted)
    return find_table_difference(curve[list(first_rows.columns)].head(len(first_rows)), first_rows)
