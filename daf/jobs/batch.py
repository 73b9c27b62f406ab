"""Batch job: one Snakemake job that runs its script for several parts.

The job imports and compiles once. Each part has its outputs, log and sidecar, as in a separate job.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from daf.files.safe_write import make_folder_within
from daf.jobs.device import claim_job_device, job_execution_config
from daf.jobs.job import JobContext, run_job
from daf.jobs.log import BatchPartsFailedError, log_output_and_errors, read_failure_reason
from daf.jobs.results_lock import hold_shared_job_lock
from daf.provenance.staleness import JobSpec, find_stale_reason, split_job_by_sidecar

RULE_VARIANT = "_variant_"
"""Separator between the name of a rule and the number of one of its variants."""


@contextlib.contextmanager
def run_stale_job_parts(snakemake: Any) -> Iterator[Iterator[AbstractContextManager[JobContext]]]:
    """Run the script of a rule for each part of a batch job.

    Parts with up-to-date outputs are skipped. The others run one after the other. A part that fails
    does not stop the remaining parts. Finished outputs are staged (`staging_path`) in a folder that
    Snakemake does not clean up, so that the next attempt reuses them. When all parts are finished,
    all outputs move to their final paths.

    Args:
        snakemake: object of Snakemake scripts, see
            `daf.provenance.staleness.split_job_by_sidecar`. A job with one sidecar has one part.
            All outputs of a part have the same folder.

    Yields:
        the parts to execute, each a context like `daf.jobs.job.run_job`. The device is set up only
        if a part has to be executed, since that takes seconds.
    """
    with log_output_and_errors(snakemake, datetime.now(UTC)):
        execution = job_execution_config(snakemake)
        results_dir = execution.results_dir
        job = (snakemake.rule, snakemake.input, snakemake.output, snakemake.params)
        parts = [_BatchJobPart(snakemake, spec) for spec in split_job_by_sidecar(*job)]
        with hold_shared_job_lock(results_dir):
            failures: dict[str, BaseException | None] = {}
            stale = [part for part in parts if not part.is_up_to_date(results_dir)]
            remaining = [
                part for part in stale if not part.is_up_to_date(results_dir, at_staging_paths=True)
            ]
            job_device_context = (
                claim_job_device(snakemake, execution) if remaining else nullcontext("cpu")
            )
            with job_device_context as device:
                yield (
                    _run_part_and_collect_failure(part, results_dir, device, failures)
                    for part in remaining
                )
            if failures:
                raise BatchPartsFailedError("; ".join(failures)) from next(iter(failures.values()))
            for part in stale:
                part.publish_staged_outputs(results_dir)
            for folder in {part.staging_dir(results_dir) for part in parts}:
                shutil.rmtree(folder, ignore_errors=True)
        up_to_date = len(parts) - len(remaining)
        print(f"executed {len(remaining)} of {len(parts)} parts ({up_to_date} up to date)")


def staging_path(results_dir: str | Path, output_path: str | Path) -> Path:
    """Return the path of a finished output until all parts are finished; the same for all jobs."""
    return Path(
        results_dir, "resume", "parts", Path(output_path).parent.name, Path(output_path).name
    )


def part_log_path(job_log_file: str | Path, first_output_path: str | Path) -> Path:
    """Return the log file of a part from its first output; the same for all jobs of a rule."""
    return (
        Path(job_log_file).parent
        / Path(first_output_path).parent.name
        / f"{Path(first_output_path).stem}.log"
    )


class _BatchJobPart:
    """One part of a batch job.

    Attributes:
        spec: rule, files and parameters of the part.
        snakemake: script object that a separate job for this part would have.
    """

    def __init__(self, snakemake: Any, spec: JobSpec):
        self.outputs = spec.outputs | {"provenance": spec.sidecar_path}
        log = part_log_path(snakemake.log[0], next(iter(self.outputs.values())))
        make_folder_within(log.parent, job_execution_config(snakemake).results_dir)
        self.spec = replace(spec, rule=spec.rule.partition(RULE_VARIANT)[0])
        self.snakemake = SimpleNamespace(
            rule=self.spec.rule,
            input=spec.inputs,
            output=self.outputs,
            params=spec.parameters,
            log=[str(log)],
            threads=snakemake.threads,
            resources=snakemake.resources,
            config=snakemake.config,
        )

    def is_up_to_date(self, results_dir: str, at_staging_paths: bool = False) -> bool:
        """Check whether the outputs match the part's spec.

        Args:
            results_dir: results folder.
            at_staging_paths: check the staged outputs instead of the final ones.
        """
        locate = partial(staging_path, results_dir) if at_staging_paths else Path
        return find_stale_reason(self.spec, results_dir, locate) is None

    def staging_dir(self, results_dir: str) -> Path:
        """Return the folder of the part's staged outputs."""
        return staging_path(results_dir, self.outputs["provenance"]).parent

    def publish_staged_outputs(self, results_dir: str) -> None:
        """Move the staged outputs to their final paths, the sidecar last."""
        for file in self.outputs.values():
            make_folder_within(Path(file).parent, results_dir)
            os.replace(staging_path(results_dir, file), file)


@contextlib.contextmanager
def _run_part_and_collect_failure(
    part: _BatchJobPart,
    results_dir: str,
    device: str,
    error_by_failure_reason: dict[str, BaseException | None],
) -> Iterator[JobContext]:
    """Run a part; if it fails, add reason and error to `error_by_failure_reason`.

    Interrupts propagate, and so do errors before the part's block, since they affect every part.
    """
    started = False
    staging_dir = part.staging_dir(results_dir)
    try:
        with run_job(part.snakemake, preclaimed_device=device, staging_dir=staging_dir) as job:
            started = True
            yield job
    except SystemExit as exit_error:
        if exit_error.code != 1:
            raise
        reason = read_failure_reason(part.snakemake.log[0])
        if not started:
            raise ValueError(reason) from exit_error.__context__
        error_by_failure_reason[reason] = exit_error.__context__
