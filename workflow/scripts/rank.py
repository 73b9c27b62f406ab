from daf.config import DAFSweepConfig
from daf.files.parquet import load_tables, save_table
from daf.files.text_files import write_json
from daf.jobs.job import run_job
from daf.sweep.rank import finalists, rank, rounds_table

with run_job(snakemake) as work:
    parameters = work.parameters
    sweep = DAFSweepConfig.model_validate(parameters.sweep)
    episodes = load_tables(work.inputs["episodes"])
    trials = rank(sweep, parameters.rounds, episodes)
    rounds = rounds_table(parameters.rounds, episodes, sweep.objective_metric)
    save_table(work.paths["trials"], trials)
    save_table(work.paths["rounds"], rounds)
    write_json(
        work.paths["finalists"],
        {
            "search": parameters.search,
            "trials": finalists(sweep, trials),
            "best_run": trials["best_run"].iloc[0],
        },
    )
    print(f"best of {len(trials)} trials: {trials['trial'].iloc[0]}")
