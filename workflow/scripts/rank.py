"""Tables of trials and rounds of a sweep, and its finalists."""

from daf.config import DAFSweepConfig
from daf.files.parquet import load_tables, save_table
from daf.files.text_files import write_json
from daf.jobs.job import run_job
from daf.sweep.objective import build_objective
from daf.sweep.rank import build_rounds_table, rank_trials, select_finalists

with run_job(snakemake) as job:
    parameters = job.parameters
    sweep = DAFSweepConfig.model_validate(parameters.sweep)
    episodes = load_tables(job.inputs["episodes"])
    trials = rank_trials(sweep, parameters.rounds, episodes, parameters.ceilings)
    objective = build_objective(sweep, parameters.ceilings)
    rounds = build_rounds_table(parameters.rounds, episodes, objective)
    save_table(job.output_paths["trials"], trials)
    save_table(job.output_paths["rounds"], rounds)
    write_json(
        job.output_paths["finalists"],
        {
            "search": parameters.search,
            "trials": select_finalists(sweep, trials),
            "best_run": trials["best_run"].iloc[0],
        },
    )
    print(f"{trials['trial'].iloc[0]}: best of {len(trials)} trials")
