from daf.config import DAFSweepConfig
from daf.files.parquet import load_tables
from daf.files.text_files import write_json
from daf.jobs.job import run_job
from daf.sweep.objective import outcomes
from daf.sweep.propose import next_round

with run_job(snakemake) as work:
    parameters = work.parameters
    sweep = DAFSweepConfig.model_validate(parameters.sweep)
    episodes = load_tables(work.inputs["episodes"])
    trials = next_round(sweep, outcomes(parameters.rounds, episodes, sweep.objective_metric))
    write_json(
        work.paths["trials"],
        {
            "search": parameters.search,
            "trials": [{"trial": trial.name, "values": trial.values} for trial in trials],
        },
    )
    print(f"{len(trials)} trials for round {len(parameters.rounds)}")
