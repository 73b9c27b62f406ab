from datetime import UTC, datetime

from daf.jobs.device import execution_config, job_device
from daf.jobs.log import job_log
from daf.jobs.results_lock import hold_shared_lock
from daf.jobs.supervisor import supervised
from daf.provenance.sidecar import outputs_match

with supervised(snakemake) as tell, job_log(snakemake, datetime.now(UTC)):
    execution = execution_config(snakemake)
    told = snakemake.params
    with hold_shared_lock(execution.results_dir), job_device(snakemake, execution) as device:
        from daf.learn.job import (  # not before the job has its GPU
            TrainingJob,
            train_colocated_jobs,
        )

        trainings = [
            TrainingJob(
                **training,
                device=device,
                initial_weights=weights,
                execution=execution,
                threads=snakemake.threads,
                paths={},
            )
            for training, weights, record in zip(told.trainings, told.initial_weights, told.records)
            if not outputs_match(record, training, execution.results_dir)
        ]
        tell(", ".join(sorted({training.run.class_path for training in trainings})))
        train_colocated_jobs(trainings, device)
