"""Doing a recorded job again: the rule's own script, in a folder with nothing but its inputs."""

import contextlib
import io
import runpy
import warnings
from pathlib import Path
from types import SimpleNamespace

from daf.audit.jobs import NotPossible, check_code, job_of
from daf.audit.machine_errors import own_trouble
from daf.config import ConfigError
from daf.jobs.log import failure_reason
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar
from daf.provenance.source import workflow_folder


def reexecute_job(
    results: Path, record: Sidecar, folder: Path, trust: tuple[str, ...] = ()
) -> Path:
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
        ConfigError: the job failed, or cannot be one; one line.
    """
    check_code(job_of(record), trust)
    if record.device == "cuda" and not gpu_here():
        raise NotPossible("made on a GPU, and there is none here")
    place = folder / "results"
    inputs = linked_inputs(results, record, place)
    outputs = {name: str(place / file) for name, files in record.outputs.items() for file in files}
    log = folder / "results" / "log.txt"
    place.mkdir(parents=True, exist_ok=True)
    execution = record.execution.resolved() | {"results_dir": str(place), "device": "auto"}
    asked = SimpleNamespace(
        rule=record.rule,
        input=inputs,
        output=outputs | {"provenance": f"{next(iter(outputs.values()))}{SUFFIX}"},
        params=record.parameters,
        log=[str(log)],
        threads=record.threads,
        resources={"gpu": int(record.device == "cuda")},
        config={"execution": execution},
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
        cause = ended.__context__
        reason = failure_reason(log) or f"{type(cause).__name__}: {cause}"
        if own_trouble(cause):
            raise NotPossible(reason) from None
        raise ConfigError(f"cannot be made again ({reason})") from None
    return place


def linked_inputs(results: Path, record: Sidecar, place: Path) -> dict[str, list[str]]:
    """Link the inputs of a job into another folder of results. Returns their paths by name.

    Raises:
        NotPossible: one is not here.
    """
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
    return inputs


def gpu_here() -> bool:
    """Whether torch sees a GPU."""
    import torch

    return torch.cuda.is_available()
