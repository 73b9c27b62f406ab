import pandas as pd

from daf.job import job
from daf.provenance import write_json
from daf.stats import analyse

with job(snakemake) as work:
    parameters = work.parameters
    episodes = pd.concat([pd.read_parquet(path) for path in snakemake.input.episodes])
    episodes["policy"] = episodes["run"].map(parameters.labels)
    stats = analyse(episodes, confidence=parameters.comparison["confidence"])
    write_json(work.paths["stats"], stats | {"left_out": parameters.missing})
    print(stats["verdict"])
