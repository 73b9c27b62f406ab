import pandas as pd

from daf.deploy.pack import pack
from daf.job import job
from daf.missions import Mission
from daf.plan import Player

with job(snakemake) as work:
    parameters = work.parameters
    pack(
        work.paths["package"],
        player=Player.model_validate(parameters.player),
        weights=snakemake.input.weights[0],
        trained_on=[Mission.model_validate(mission).name for mission in parameters.trained_on],
        episodes=pd.concat([pd.read_parquet(path) for path in snakemake.input.episodes]),
    )
