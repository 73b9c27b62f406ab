from daf.job import job
from daf.learn.train import train
from daf.plan import Run
from daf.provenance import write_json

with job(snakemake, device_needed=True) as work:
    run = Run.model_validate(work.parameters.run)
    trained = train(run, work.device, snakemake.input.initial_weights or None)
    trained.policy.save(work.paths["weights"], run.init_kwargs)
    trained.metrics.to_parquet(work.paths["metrics"], index=False)
    write_json(work.paths["policy"], trained.card)
    write_json(work.paths["run"], trained.description)
