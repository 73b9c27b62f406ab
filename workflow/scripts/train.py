from daf.jobs.job import run_job
from daf.jobs.supervisor import supervised

with supervised(snakemake) as tell:
    with run_job(snakemake, device_needed=True) as work:
        from daf.learn.job import TrainingJob  # not before the job has its GPU

        training = TrainingJob(
            run=work.parameters.run,
            device=work.device,
            initial_weights=next(iter(work.inputs["initial_weights"]), None),
            code=work.parameters.code,
            execution=work.execution,
            threads=snakemake.threads,
            paths={name: str(path) for name, path in work.paths.items()},
        )
        tell(training.run.class_path)
        if work.execution.ranks == 1:
            training.execute()
        else:
            training.execute_distributed()
    if not training.run.training.is_extendable:
        training.resume().discard()
