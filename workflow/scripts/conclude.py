"""Result of a sweep: `search.json`, the best configuration and its weights."""

from daf.config import DAFSweepConfig
from daf.config.yaml12 import dump_yaml
from daf.files.parquet import load_table, load_tables
from daf.files.safe_write import copy_file
from daf.files.text_files import write_json, write_text
from daf.jobs.job import run_job
from daf.sweep.conclude import build_best_benchmark_config, conclude_sweep
from daf.sweep.objective import build_objective

with run_job(snakemake) as job:
    parameters, inputs = job.parameters, job.inputs
    sweep = DAFSweepConfig.model_validate(parameters.sweep)
    [trials], [rounds], [weights] = inputs["trials"], inputs["rounds"], inputs["weights"]
    result = conclude_sweep(
        sweep,
        load_table(trials),
        load_table(rounds),
        parameters.confirmed,
        load_tables(inputs["confirmation"]) if inputs["confirmation"] else None,
        parameters.ceilings,
    )
    write_json(job.output_paths["search"], result)
    copy_file(weights, job.output_paths["weights"])
    config = build_best_benchmark_config(sweep, result["best"])
    write_text(job.output_paths["config"], dump_yaml(config))
    best = result["best"]
    name = build_objective(sweep, parameters.ceilings).name
    print(f"{best['trial']}: best trial ({name} {best['objective']:g})")
