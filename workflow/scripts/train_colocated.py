"""Saved states of several training runs that share one device."""

from datetime import UTC, datetime

from daf.jobs.device import claim_job_device, job_execution_config
from daf.jobs.log import log_output_and_errors
from daf.jobs.results_lock import hold_shared_job_lock
from daf.jobs.supervisor import run_in_supervised_child
from daf.provenance.sidecar import has_existing_outputs_with_parameters

with (
    run_in_supervised_child(snakemake) as report_policy,
    log_output_and_errors(snakemake, datetime.now(UTC)),
):
    execution = job_execution_config(snakemake)
    params = snakemake.params
    with (
        hold_shared_job_lock(execution.results_dir),
        claim_job_device(snakemake, execution) as device,
    ):
        from daf.learn.job import (  # imports torch, after the job has its GPU
            TrainingJob,
            train_colocated_into_resume_states,
        )

        training_jobs = [
            TrainingJob(
                **training_params,
                device=device,
                initial_weights=weights,
                execution=execution,
                threads=snakemake.threads,
                output_paths={},
            )
            for training_params, weights, sidecar in zip(
                params.runs, params.initial_weights, params.sidecars
            )
            if not has_existing_outputs_with_parameters(
                sidecar, training_params, execution.results_dir
            )
        ]
        report_policy(", ".join(sorted({job.run.class_path for job in training_jobs})))
        train_colocated_into_resume_states(training_jobs, device)
