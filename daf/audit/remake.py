"""Doing a recorded job again: the rule's own script, in a folder with nothing but its inputs."""

import contextlib
import io
import runpy
import warnings
from pathlib import Path
from types import SimpleNamespace

from daf.config import ConfigError, shown
from daf.policies.registry import SHORT_NAMES, module_and_class
from daf.provenance import file_digest
from daf.record import SUFFIX, Record
from daf.workflow import workflow_folder

COMPUTED = ("compare", "report", "propose", "rank", "conclude", "sweep_report", "deploy")
"""Rules whose outputs follow from their inputs without a simulator."""

PLAYED, TRAINED = "evaluate", "train"


class NotPossible(Exception):
    """A job cannot be done again here; the message says why, and it is not the results' fault."""


def remake(results: Path, record: Record, folder: Path, trust: tuple[str, ...] = ()) -> Path:
    """Do a job again.

    Args:
        results: the folder of results with its inputs.
        record: of the job.
        folder: an empty one.
        trust: class paths of foreign policies whose code may be run.

    Returns:
        a folder of results, in which its outputs have the names that they have in the record.

    Raises:
        NotPossible: it cannot be done here.
        ConfigError: the job failed; one line.
    """
    _check_code(record, trust)
    if record.device == "cuda" and not _gpu():
        raise NotPossible("made on a GPU, and there is none here")
    place = folder / "results"
    inputs = {}
    for name, files in record.inputs.items():
        for file in files:
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).symlink_to((results / file).resolve())
        inputs[name] = [str(place / file) for file in files]
    for name, files in record.elsewhere.items():
        for path, sha in files.items():
            if not Path(path).is_file() or file_digest(path) != sha:
                raise NotPossible(f"made of {path}, which is not here")
        inputs[name] += files
    outputs = {name: str(place / file) for name, files in record.outputs.items() for file in files}
    log = folder / "results" / "log.txt"
    place.mkdir(exist_ok=True)
    asked = SimpleNamespace(
        rule=record.rule,
        input=inputs,
        output=outputs | {"provenance": f"{next(iter(outputs.values()))}{SUFFIX}"},
        params=record.parameters,
        log=[str(log)],
        threads=record.threads,
        resources={"gpu": int(record.device == "cuda")},
        config={"execution": {**record.execution, "results_dir": str(place), "device": "auto"}},
    )
    script = workflow_folder() / "scripts" / f"{record.rule}.py"
    silence = io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(silence),
            contextlib.redirect_stderr(silence),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            runpy.run_path(str(script), init_globals={"snakemake": asked})
    except SystemExit as ended:
        if ended.code == 130:
            raise KeyboardInterrupt from None
        last = log.read_text(encoding="utf-8").splitlines()[-1]
        raise ConfigError(f"cannot be made again ({last.removeprefix('failed: ')})") from None
    return place


def _check_code(record: Record, trust: tuple[str, ...]) -> None:
    """A policy that is not DAF's is code of whoever wrote the record."""
    told = record.parameters.get("run") or record.parameters.get("player") or {}
    class_path = told.get("class_path") if isinstance(told, dict) else None
    if class_path is None or class_path in SHORT_NAMES or class_path in trust:
        return
    if not isinstance(class_path, str) or not module_and_class(class_path)[0].startswith(
        "daf.policies."
    ):
        raise NotPossible(
            f"its policy {shown(class_path)} is code from elsewhere, which is run only if you name "
            "it (trust)"
        )


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()
