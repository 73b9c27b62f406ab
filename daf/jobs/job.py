"""Execution of a rule's script: log, device, outputs and sidecar."""

import contextlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from daf.config import ExecutionConfig
from daf.jobs.device import execution_config, job_device
from daf.jobs.log import job_log
from daf.jobs.results_lock import hold_shared_lock
from daf.provenance.origin import Origin
from daf.provenance.sidecar import write_outputs
from daf.provenance.staleness import split_request


@dataclass(frozen=True)
class JobContext:
    """A running job.

    Attributes:
        inputs: the files given, by the rule's name for them.
        paths: where to write the outputs to for now, by the rule's name for them.
        parameters: the rule's params as attributes.
    """

    inputs: dict[str, list[str]]
    paths: dict[str, Path]
    parameters: SimpleNamespace
    device: str
    execution: ExecutionConfig


@contextlib.contextmanager
def run_job(
    snakemake: Any, device_needed: bool = False, device: str = "cpu", place: Path | None = None
) -> Iterator[JobContext]:
    """Run a rule's script.

    Output goes to the terminal and to the rule's log. The outputs appear together with their
    record (the output named `provenance`) when the block ends; if it fails, nothing is replaced,
    one line says why, and the process exits with 1.

    Args:
        snakemake: the object that Snakemake gives to scripts, or one like it.
        device_needed: find the job's device, see `job_device`.
        device: else the one it has, found before.
        place: see `daf.provenance.sidecar.write_outputs`.
    """
    begin = datetime.now(UTC)
    asked = (snakemake.rule, snakemake.input, snakemake.output, snakemake.params)
    [request] = split_request(*asked)
    with job_log(snakemake, begin):
        execution = execution_config(snakemake)
        found = job_device(snakemake, execution) if device_needed else nullcontext(device)
        with hold_shared_lock(execution.results_dir), found as device:
            outputs = write_outputs(
                rule=request.rule,
                inputs=request.inputs,
                outputs=request.outputs,
                sidecar=request.sidecar,
                log=snakemake.log[0],
                parameters=request.parameters,
                execution=execution,
                device=device,
                threads=snakemake.threads,
                origin=Origin.current(device),
                begin=begin,
                place=place,
            )
            parameters = SimpleNamespace(**request.parameters)
            with outputs as paths:
                yield JobContext(request.inputs, paths, parameters, device, execution)
