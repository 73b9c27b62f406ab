from daf.config import DAFSweepConfig
from daf.config.yaml12 import dump_yaml
from daf.files.parquet import load_table, load_tables
from daf.files.safe_write import copy
from daf.files.text_files import write_json, write_text
from daf.jobs.job import run_job
from daf.sweep.conclude import best_config, conclude

with run_job(snakemake) as work:
    parameters, inputs = work.parameters, work.inputs
    sweep = DAFSweepConfig.model_validate(parameters.sweep)
    [trials], [rounds], [weights] = inputs["trials"], inputs["rounds"], inputs["weights"]
    found = conclude(
        sweep,
        load_table(trials),
        load_table(rounds),
        parameters.confirmed,
        load_tables(inputs["confirmation"]) if inputs["confirmation"] else None,
    )
    write_json(work.paths["search"], found)
    copy(weights, work.paths["weights"])
    config = best_config(sweep, found["best"])
    write_text(work.paths["config"], dump_yaml(config))
    print(
        f"best: {found['best']['trial']}, {sweep.objective_metric} {found['best']['objective']:g}"
    )
