from daf.deploy.pack import pack
from daf.job import job
from daf.missions import Mission
from daf.parquet import load_tables
from daf.plan import Player

with job(snakemake) as work:
    parameters = work.parameters
    [weights] = work.inputs["weights"]
    pack(
        work.paths["package"],
        player=Player.model_validate(parameters.player),
        weights=weights,
        trained_on=[Mission.model_validate(mission).name for mission in parameters.trained_on],
        episodes=load_tables(work.inputs["episodes"]),
    )
