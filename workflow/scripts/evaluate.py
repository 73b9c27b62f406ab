from daf.config import EvaluationConfig
from daf.jobs.batch import part_log, run_batch
from daf.jobs.supervisor import supervised
from daf.missions import Mission
from daf.plan import parse_contestant

with supervised(snakemake) as tell, run_batch(snakemake) as parts:
    for part in parts:
        # Not before the job has its GPU, and not at all if nothing is to be done.
        from daf.evaluation.evaluate import evaluate
        from daf.files.parquet import save_table

        with part as work:
            parameters = work.parameters
            player = parse_contestant(parameters.policy)
            mission = Mission.model_validate(parameters.mission)
            table = work.paths["episodes"].with_name(f"{mission.name}.parquet")
            tell(player.policy, part_log(snakemake.log[0], table))
            config = EvaluationConfig.model_validate(parameters.evaluation)
            trained_on = tuple(map(Mission.model_validate, parameters.trained_on))
            weights = work.inputs["weights"]
            episodes, recording = evaluate(
                player, mission, config, work.device, trained_on, weights
            )
            save_table(work.paths["episodes"], episodes)
            recording.write(work.paths["replay"])
            print(f"{player.name} on {mission.name}: mean score {episodes['score'].mean():.2f}")
