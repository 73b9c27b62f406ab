"""Re-execution of a recorded job: the rule's script, in a folder with only the job's inputs."""

import contextlib
import io
import runpy
import warnings
from pathlib import Path
from types import SimpleNamespace

from daf.audit.jobs import CannotVerifyError, check_policies_trusted_and_unchanged, parse_job
from daf.audit.machine_errors import is_machine_error
from daf.config import ConfigError
from daf.jobs.log import read_failure_reason
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar
from daf.provenance.source import workflow_folder

PathsByInputName = dict[str, list[str]]
"""Paths of the inputs of a job, by the rule's names for them."""


def reexecute_job(
    results_dir: Path,
    sidecar: Sidecar,
    new_results_dir: Path,
    trusted_class_paths: tuple[str, ...] = (),
) -> None:
    """Re-execute a job.

    Args:
        results_dir: results folder with the inputs of the job.
        sidecar: sidecar of the job.
        new_results_dir: empty folder for the outputs, under their recorded names.
        trusted_class_paths: class paths of foreign policies whose code may run.

    Raises:
        CannotVerifyError: the job needs a file, code or device that is not available.
        ConfigError: the job failed, or its parameters are invalid; one line.
    """
    check_policies_trusted_and_unchanged(parse_job(sidecar), trusted_class_paths)
    if sidecar.device == "cuda" and not is_gpu_available():
        raise CannotVerifyError("made on a GPU, and no GPU is available")
    inputs = link_job_inputs(results_dir, sidecar, new_results_dir)
    outputs = {
        name: str(new_results_dir / file)
        for name, files in sidecar.outputs.items()
        for file in files
    }
    log = new_results_dir / "log.txt"
    new_results_dir.mkdir(parents=True, exist_ok=True)
    execution = sidecar.execution.resolved()
    # A recorded path could be any file of the auditor.
    execution |= {"results_dir": str(new_results_dir), "device": "auto", "tensorboard": None}
    snakemake = SimpleNamespace(
        rule=sidecar.rule,
        input=inputs,
        output=outputs | {"provenance": f"{next(iter(outputs.values()))}{SUFFIX}"},
        params=sidecar.parameters,
        log=[str(log)],
        threads=sidecar.threads,
        resources={"gpu": int(sidecar.device == "cuda")},
        config={"execution": execution},
    )
    script = workflow_folder() / "scripts" / f"{sidecar.rule}.py"
    discarded = io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(discarded),
            contextlib.redirect_stderr(discarded),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            runpy.run_path(str(script), init_globals={"snakemake": snakemake})
    except SystemExit as stop:
        if stop.code == 130:
            raise KeyboardInterrupt from None
        cause = stop.__context__
        reason = read_failure_reason(log) or f"{type(cause).__name__}: {cause}"
        if is_machine_error(cause):
            raise CannotVerifyError(reason) from None
        raise ConfigError(f"cannot be re-executed ({reason})") from None


def link_job_inputs(results_dir: Path, sidecar: Sidecar, new_results_dir: Path) -> PathsByInputName:
    """Link the inputs of a job into another results folder.

    Args:
        results_dir: results folder with the inputs.
        sidecar: sidecar of the job.
        new_results_dir: results folder for the links.

    Returns:
        Paths of the inputs, by input name.

    Raises:
        CannotVerifyError: an input outside the results folder is not available.
    """
    inputs = {}
    for name, files in sidecar.inputs.items():
        for file in files:
            (new_results_dir / file).parent.mkdir(parents=True, exist_ok=True)
            (new_results_dir / file).symlink_to((results_dir / file).resolve())
        inputs[name] = [str(new_results_dir / file) for file in files]
    for name, files in sidecar.elsewhere.items():
        for path, sha in files.items():
            if not Path(path).is_file() or file_digest(path) != sha:
                raise CannotVerifyError(f"its input {path} is not available")
        inputs[name] += files
    return inputs


def is_gpu_available() -> bool:
    """Return true if torch has a GPU."""
    import torch

    return torch.cuda.is_available()
