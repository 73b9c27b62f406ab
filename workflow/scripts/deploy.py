from daf.jobs.job import run_job
from daf.jobs.supervisor import supervised
from daf.missions import Mission
from daf.plan import PolicyInstance

with supervised(snakemake) as tell, run_job(snakemake) as work:
    from daf.deploy.pack import pack  # not before the fork, with torch

    parameters = work.parameters
    [weights] = work.inputs["weights"]
    player = PolicyInstance.model_validate(parameters.policy)
    tell(player.policy)
    pack(
        work.paths["package"],
        player=player,
        weights=weights,
        run=next(iter(work.inputs["run"]), None),
        trained_on=list(map(Mission.model_validate, parameters.trained_on)),
        missions=list(map(Mission.model_validate, parameters.missions)),
        episodes=work.inputs["episodes"],
        seed=parameters.seed,
        confidence=parameters.confidence,
    )
