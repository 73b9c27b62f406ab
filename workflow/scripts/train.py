from daf.job import job
from daf.learn.resume import kept_for
from daf.learn.train import train
from daf.plan import Run
from daf.provenance import write_json

with job(snakemake, device_needed=True) as work:
    run = Run.model_validate(work.parameters.run)
    resume = kept_for(run, work.execution, work.parameters.code, work.device)
    with resume:
        trained = train(run, work.device, snakemake.input.initial_weights or None, resume=resume)
    trained.policy.save(work.paths["weights"], run.init_kwargs)
    trained.metrics.to_parquet(work.paths["metrics"], index=False)
    write_json(work.paths["policy"], trained.card)
    write_json(work.paths["run"], trained.description)
if run.training.anneal:
    resume.discard()  # nothing can go on from the end of a schedule
