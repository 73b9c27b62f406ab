from datetime import UTC, datetime

from daf.jobs.device import device_of, execution_of
from daf.jobs.log import logged
from daf.jobs.results_lock import working
from daf.jobs.supervisor import supervised
from daf.provenance.sidecar import stands

with supervised(snakemake) as tell, logged(snakemake, datetime.now(UTC)):
    execution = execution_of(snakemake)
    told = snakemake.params
    with working(execution.results_dir), device_of(snakemake, execution) as device:
        from daf.learn.job import TrainingJob, train_ahead  # not before the job has its GPU

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
            if not stands(record, training, execution.results_dir)
        ]
        tell(", ".join(sorted({training.run.class_path for training in trainings})))
        train_ahead(trainings, device)
