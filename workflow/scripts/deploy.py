from daf.deploy.pack import pack
from daf.job import job
from daf.missions import Mission
from daf.plan import Player

with job(snakemake) as work:
    parameters = work.parameters
    [weights] = work.inputs["weights"]
    pack(
        work.paths["package"],
        player=Player.model_validate(parameters.player),
        weights=weights,
        run=next(iter(work.inputs["run"]), None),
        trained_on=list(map(Mission.model_validate, parameters.trained_on)),
        missions=list(map(Mission.model_validate, parameters.missions)),
        episodes=work.inputs["episodes"],
        seed=parameters.seed,
        confidence=parameters.confidence,
    )
