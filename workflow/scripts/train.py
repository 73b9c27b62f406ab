"""Weights, learning curve and metadata of one training run."""

from pathlib import Path

from daf.jobs.job import run_job
from daf.jobs.supervisor import run_in_supervised_child
from daf.plan import Run
from daf.provenance.staleness import JobSpec


def optional_checkpoint_path_by_output(spec: JobSpec) -> dict[str, str]:
    """Return the checkpoints of the run, beside its weights."""
    run = Run.model_validate(spec.parameters["run"])
    return run.checkpoint_path_by_output_name(str(Path(spec.outputs["weights"]).parent))


with run_in_supervised_child(snakemake) as report_policy:
    with run_job(
        snakemake, claim_device=True, find_optional_outputs=optional_checkpoint_path_by_output
    ) as job:
        from daf.learn.job import TrainingJob  # imports torch, after the job has its GPU

        training_job = TrainingJob(
            run=job.parameters.run,
            device=job.device,
            initial_weights=next(iter(job.inputs["initial_weights"]), None),
            code=job.parameters.code,
            execution=job.execution,
            threads=snakemake.threads,
            output_paths={name: str(path) for name, path in job.output_paths.items()},
        )
        report_policy(training_job.run.class_path)
        if job.execution.ranks == 1:
            training_job.execute()
        else:
            training_job.execute_distributed()
    if not training_job.run.training.is_extendable:
        training_job.make_resume_file_context().remove_state_metrics_and_checkpoints()
