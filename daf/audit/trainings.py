"""Verdicts on the files of a training that is not repeated as a whole."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from daf.audit.differences import exact_difference, of_tables
from daf.audit.findings import DERIVED, Findings
from daf.audit.jobs import Train
from daf.audit.learning_curve import curve_contradiction
from daf.audit.machine_errors import in_one_line, own_trouble
from daf.audit.worker import Worker
from daf.config import ConfigError
from daf.files.parquet import load_table
from daf.plan import Run

ALL = "all"
"""Names every training, where one is asked for that is to be repeated."""


def training_differences(
    results: Path, name: str, job: Train, findings: Findings, worker: Worker
) -> dict[str, str]:
    """Compare the files of a training with what follows from its sidecar, and the first rows of its
    learning curve with its beginning, executed again.

    Args:
        results: the folder of results.
        name: the file that its sidecar stands beside.
        findings: receives what agrees, and what only a repeated training could show.

    Returns:
        the first difference of each file that differs, in words.
    """
    files = job.outputs("")
    try:
        with worker.folder() as folder:
            made = worker.begin_again(name, folder)
            compare = {kind: exact_difference for kind in ("run", "policy", "weights")}
            compare["metrics"] = partial(_curve_difference, run=job.run)
            found = {
                files[kind]: _said(compare[kind], results / files[kind], made / files[kind])
                for kind in files
            }
    except Exception as error:  # the files may say anything
        if not isinstance(error, ConfigError) or own_trouble(error):
            reason = f"cannot be begun again: {in_one_line(error)}"
            findings.add_unverifiable(list(files.values()), reason)
            return {}
        found = dict.fromkeys(files.values(), f"{error}")
    for kind in ("run", "policy"):
        if found[files[kind]] is None:
            findings[files[kind]].checked.append(DERIVED)
    for kind, what in (("weights", "weights"), ("metrics", "learning curve")):
        findings[files[kind]].untrained.append(
            f"the {what} of a training that was not repeated (--retrain {job.run.name}, or {ALL})"
        )
    return {file: difference for file, difference in found.items() if difference}


def _said(compare: Callable[[Path, Path], str | None], file: Path, made: Path) -> str | None:
    try:
        return compare(file, made)
    except ConfigError as error:
        if own_trouble(error):
            raise
        return f"{error}".removeprefix(f"{file}: ")


def _curve_difference(file: Path, made: Path, run: Run) -> str | None:
    curve = load_table(file)
    if wrong := curve_contradiction(curve, run):
        return wrong
    if not made.is_file():
        return None
    first = load_table(made)
    return of_tables(curve[list(first.columns)].head(len(first)), first)
