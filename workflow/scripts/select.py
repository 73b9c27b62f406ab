import shutil
from pathlib import Path

from daf.config import DAFSweepConfig
from daf.job import job
from daf.parquet import load_tables, save_table
from daf.provenance import write_json, write_text
from daf.sweep.select import select

with job(snakemake) as work:
    parameters = work.parameters
    episodes = load_tables(work.inputs["episodes"])
    sweep = DAFSweepConfig.model_validate(parameters.sweep)
    selected = select(sweep, episodes, parameters.labels, parameters.missing)
    weights = {Path(path).parent.name: path for path in work.inputs["weights"]}
    save_table(work.paths["trials"], selected.trials)
    shutil.copyfile(weights[selected.best["run"]], work.paths["weights"])
    write_json(work.paths["best"], selected.best)
    write_text(work.paths["config"], selected.config_yaml())
    print(f"best of {len(selected.trials)} trials: {selected.best['trial']}")
