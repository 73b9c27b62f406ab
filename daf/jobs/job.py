"""Execution of a rule's script: log, device, outputs and sidecar."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from daf.config import ExecutionConfig
from daf.jobs.device import claim_job_device, job_execution_config
from daf.jobs.log import log_output_and_errors
from daf.jobs.results_lock import hold_shared_job_lock
from daf.provenance.origin import Origin
from daf.provenance.sidecar import write_outputs_and_sidecar
from daf.provenance.staleness import JobSpec, split_job_by_sidecar
from daf.system.garbage_collection import collect_garbage_rarely


@dataclass(frozen=True)
class JobContext:
    """A running job.

    Attributes:
        inputs: input files by input name of the rule.
        output_paths: temporary path to write each output to, by output name of the rule.
        parameters: params of the rule, as attributes.
        device: "cpu" or "cuda".
        execution: section `execution` of the configuration.
    """

    inputs: dict[str, list[str]]
    output_paths: dict[str, Path]
    parameters: SimpleNamespace
    device: str
    execution: ExecutionConfig


@contextlib.contextmanager
def run_job(
    snakemake: Any,
    claim_device: bool = False,
    preclaimed_device: str = "cpu",
    staging_dir: Path | None = None,
    find_optional_outputs: Callable[[JobSpec], Mapping[str, str]] = lambda spec: {},
) -> Iterator[JobContext]:
    """Run the script of a rule.

    Output is written to the terminal and to the rule's log. When the block ends, all outputs appear
    together with their sidecar (the output named `provenance`). If the block fails, no output is
    replaced, one line names the cause, and the process exits with status 1.

    Args:
        snakemake: object of Snakemake scripts, or one with the same attributes.
        claim_device: claim and set up the job's device, see `claim_job_device`.
        preclaimed_device: device that the caller has set up, without `claim_device`.
        staging_dir: folder of the finished outputs, see `write_outputs_and_sidecar`.
        find_optional_outputs: function that returns the path by output name of outputs that the
            script may leave out.
    """
    start_time = datetime.now(UTC)
    collect_garbage_rarely()
    [spec] = split_job_by_sidecar(
        snakemake.rule, snakemake.input, snakemake.output, snakemake.params
    )
    with log_output_and_errors(snakemake, start_time):
        execution = job_execution_config(snakemake)
        device_context = (
            claim_job_device(snakemake, execution)
            if claim_device
            else nullcontext(preclaimed_device)
        )
        with hold_shared_job_lock(execution.results_dir), device_context as device:
            outputs = write_outputs_and_sidecar(
                rule=spec.rule,
                inputs=spec.inputs,
                outputs=spec.outputs,
                sidecar_path=spec.sidecar_path,
                log_path=snakemake.log[0],
                parameters=spec.parameters,
                execution=execution,
                device=device,
                threads=snakemake.threads,
                origin=Origin.current(device),
                start_time=start_time,
                staging_dir=staging_dir,
                optional_outputs=find_optional_outputs(spec),
            )
            parameters = SimpleNamespace(**spec.parameters)
            with outputs as output_paths:
                yield JobContext(spec.inputs, output_paths, parameters, device, execution)
