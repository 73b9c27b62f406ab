"""Trials of the next round of a sweep."""

from daf.config import DAFSweepConfig
from daf.files.parquet import load_tables
from daf.files.text_files import write_json
from daf.jobs.job import run_job
from daf.sweep.objective import build_objective, compute_outcomes
from daf.sweep.propose import propose_next_round

with run_job(snakemake) as job:
    parameters = job.parameters
    sweep = DAFSweepConfig.model_validate(parameters.sweep)
    episodes = load_tables(job.inputs["episodes"])
    objective = build_objective(sweep, parameters.ceilings)
    outcomes = compute_outcomes(parameters.rounds, episodes, objective)
    trials = propose_next_round(sweep, outcomes)
    write_json(
        job.output_paths["trials"],
        {
            "search": parameters.search,
            "trials": [{"trial": trial.name, "values": trial.values} for trial in trials],
        },
    )
    print(f"round {len(parameters.rounds)}: proposed {len(trials)} trials")
