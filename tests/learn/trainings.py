"""Trainings of a second, and what is known of them afterwards."""

from daf.config import BenchmarkConfig, ExecutionConfig
from daf.learn.job import TrainingJob
from daf.plan import make_plan

UPDATES = 5


def run_of(policy="lstm", missions=("assembler_1",), updates=UPDATES, training_seed=1, **training):
    """A training of so many updates."""
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
    (run,) = make_plan(config).runs.values()
    return run


def curriculum(**training):
    """Two updates for one agent in each of 4 worlds, then three for four agents in each."""
    curriculum = [2 * 64, 3 * 256]
    missions = ("assembler_1", "assembler_2@1-9")
    return run_of("lstm", missions, curriculum=curriculum, steps=sum(curriculum), **training)


def job_of(run, folder, paths, **execution) -> TrainingJob:
    """The job of a training with its results in a folder; `paths` are the names of its outputs."""
    settings = {"results_dir": str(folder), "device": "cpu", **execution}
    return TrainingJob(
        run=run,
        device="cpu",
        initial_weights=None,
        code="code",
        execution=ExecutionConfig.model_validate(settings),
        threads=1,
        paths={name: str(folder / file) for name, file in paths.items()},
    )


def bytes_of(trained) -> tuple:
    weights = {
        name: tensor.cpu().numpy().tobytes() for name, tensor in trained.policy.state_dict().items()
    }
    return weights, trained.metrics.to_dict("list").__repr__(), trained.run_json


def told(lines: list, text: str) -> bool:
    return any(text in line for line in lines)
