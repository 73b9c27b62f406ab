"""Runs of about 1 s, and helpers to compare their results."""

import os
import signal

from daf.config import BenchmarkConfig, ExecutionConfig
from daf.learn.job import TrainingJob
from daf.learn.resume import ResumeFile
from daf.missions import Mission, load_mission
from daf.plan import make_plan

UPDATES = 5


class StopsAfter(ResumeFile):
    """Resume state that receives a signal after some updates."""

    def stop(self, update: int, number: int = signal.SIGTERM) -> "StopsAfter":
        self.remaining, self.signal = update, number
        return self

    def save_if_due(self, get_state, force_save):
        self.remaining -= 1
        if self.remaining == 0:
            os.kill(os.getpid(), self.signal)
        super().save_if_due(get_state, force_save)


def make_run(
    policy="lstm",
    missions=("assembler_1",),
    updates=UPDATES,
    training_seed=1,
    max_steps=None,
    **training,
):
    """Return a run of `updates` updates, on missions with other `max_steps` if given."""
    agents = 1 if missions == ("assembler_1",) else 5
    config = BenchmarkConfig.model_validate(
        {
            "policies": [policy],
            "missions": list(missions),
            "training_seeds": [training_seed],
            "training": {
                "missions": list(missions),
                "worlds": 2 * len(missions),
                "rollout_length": 16,
                "minibatches": 2,
                "steps": 2 * 16 * agents * updates,
                **training,
            },
        }
    )

    def load(name: str) -> Mission:
        mission = load_mission(name)
        return (
            mission
            if max_steps is None
            else mission.model_copy(update={"max_steps": max_steps, "ceiling": None})
        )

    (run,) = make_plan(config, mission_loader=load).runs.values()
    return run


def make_curriculum_run(**training):
    """Return a run of 2 stages: 2 updates with 1 agent per world, 3 with 4; 4 worlds."""
    curriculum = [2 * 64, 3 * 256]
    missions = ("assembler_1", "assembler_2@1-9")
    return make_run("lstm", missions, curriculum=curriculum, steps=sum(curriculum), **training)


def make_job(run, folder, paths, **execution) -> TrainingJob:
    """Return the job of a run; `paths` are the output files in the folder, by name."""
    settings = {"results_dir": str(folder), "device": "cpu", **execution}
    return TrainingJob(
        run=run,
        device="cpu",
        initial_weights=None,
        code="code",
        execution=ExecutionConfig.model_validate(settings),
        threads=1,
        output_paths={name: str(folder / file) for name, file in paths.items()},
    )


def result_content(result) -> tuple:
    """Return weights, learning curve and metadata of a result, comparable with ==."""
    weights = {
        name: tensor.cpu().numpy().tobytes() for name, tensor in result.policy.state_dict().items()
    }
    return weights, result.metrics.to_dict("list").__repr__(), result.run_json


def has_line(lines: list, text: str) -> bool:
    return any(text in line for line in lines)
