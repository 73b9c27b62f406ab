import shutil

import pandas as pd

from daf.config import DAFSweepConfig
from daf.job import job
from daf.provenance import write_json, write_text
from daf.sweep.select import select

with job(snakemake) as work:
    parameters = work.parameters
    episodes = pd.concat([pd.read_parquet(path) for path in snakemake.input.episodes])
    sweep = DAFSweepConfig.model_validate(parameters.sweep)
    selected = select(sweep, episodes, parameters.labels, parameters.missing)
    selected.trials.to_parquet(work.paths["trials"], index=False)
    shutil.copyfile(parameters.weights_of[selected.best["run"]], work.paths["weights"])
    write_json(work.paths["best"], selected.best)
    write_text(work.paths["config"], selected.config_yaml())
    print(f"best of {len(selected.trials)} trials: {selected.best['trial']}")
