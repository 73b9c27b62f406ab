import pandas as pd

from daf.job import job
from daf.provenance import write_json
from daf.stats import analyse

with job(snakemake) as work:
    episodes = pd.concat([pd.read_parquet(path) for path in snakemake.input.episodes])
    stats = analyse(episodes, confidence=work.parameters.comparison["confidence"])
    write_json(work.paths["stats"], stats)
    print(stats["verdict"])
