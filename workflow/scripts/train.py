from daf.job import job
from daf.parquet import save_table
from daf.plan import Run
from daf.provenance import write_json

with job(snakemake, device_needed=True) as work:
    from daf.learn.resume import kept_for  # not before the job has its GPU
    from daf.learn.train import train

    run = Run.model_validate(work.parameters.run)
    initial_weights = next(iter(work.inputs["initial_weights"]), None)
    resume = kept_for(run, work.execution, work.parameters.code, work.device)
    with resume:
        trained = train(run, work.device, initial_weights, resume=resume)
    trained.policy.save(work.paths["weights"], run.init_kwargs)
    save_table(work.paths["metrics"], trained.metrics)
    write_json(work.paths["policy"], trained.card)
    write_json(work.paths["run"], trained.description)
if not run.training.can_get_longer:
    resume.discard()
