"""Best known play of one mission, verified in the simulator."""

from daf.jobs.job import run_job
from daf.missions import Mission

with run_job(snakemake) as job:
    from daf.evaluation.best_known import find_best_play  # imports torch, after the start message
    from daf.evaluation.replay import Replay

    mission = Mission.model_validate(job.parameters.mission)
    play = find_best_play(mission, map(Replay.read, job.inputs["replays"]))
    play.write(job.output_paths["play"])
    print(f"{mission.name}: best known play {play.score} hearts, by {play.found_by}")
