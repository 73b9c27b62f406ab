"""Episode tables and replays of the evaluations of one job."""

from daf.config import EvaluationConfig
from daf.jobs.batch import part_log_path, run_stale_job_parts
from daf.jobs.supervisor import run_in_supervised_child
from daf.missions import Mission
from daf.plan import parse_contestant

with run_in_supervised_child(snakemake) as report_policy, run_stale_job_parts(snakemake) as parts:
    for part in parts:
        # These import torch: after the job has its GPU, and only if a part has to be executed.
        from daf.evaluation.evaluate import evaluate
        from daf.files.parquet import save_table

        with part as job:
            parameters = job.parameters
            contestant = parse_contestant(parameters.policy)
            mission = Mission.model_validate(parameters.mission)
            table = job.output_paths["episodes"].with_name(f"{mission.name}.parquet")
            report_policy(contestant.default_label, part_log_path(snakemake.log[0], table))
            config = EvaluationConfig.model_validate(parameters.evaluation)
            trained_on = tuple(map(Mission.model_validate, parameters.trained_on))
            weights = job.inputs["weights"]
            episodes, replay = evaluate(
                contestant, mission, config, job.device, trained_on, weights
            )
            save_table(job.output_paths["episodes"], episodes)
            replay.write(job.output_paths["replay"])
            mean_score = episodes["score"].mean()
            print(f"{contestant.name}: evaluated on {mission.name} (mean score {mean_score:.2f})")
