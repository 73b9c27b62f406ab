"""Statistics of a benchmark or comparison, `stats.json`."""

from daf.files.parquet import load_tables
from daf.files.text_files import write_json
from daf.jobs.job import run_job
from daf.stats import analyse

with run_job(snakemake) as job:
    parameters = job.parameters
    episodes = load_tables(job.inputs["episodes"])
    episodes["policy"] = episodes["run"].map(parameters.labels)
    stats = analyse(
        episodes,
        ceilings=parameters.ceilings,
        teams=parameters.teams,
        **parameters.config["comparison"],
    )
    write_json(job.output_paths["stats"], stats | {"left_out": parameters.missing})
    print(stats["verdict"])
