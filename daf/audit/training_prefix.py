"""The beginning of a training, executed again: it shows all that needs no whole training."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from daf.audit.jobs import NotPossible, Train, check_code, job_of
from daf.audit.reexecute import gpu_here, linked_inputs
from daf.config import ConfigError
from daf.files.parquet import save_table
from daf.provenance.sidecar import Sidecar

UPDATES = 2
"""The first shows rollouts and loss from the initial weights, the second the optimizer's step."""

MOST_STEPS = 2**18
"""Agent-steps that are executed again, at most: whoever wrote the record chose their number."""


def begin_again(results: Path, record: Sidecar, folder: Path, trust: tuple[str, ...] = ()) -> Path:
    """Execute the first updates of a training again, and derive its descriptions.

    Args:
        results: the folder of results with its inputs.
        record: of the training.
        folder: an empty one.
        trust: class paths of foreign policies whose code may be run.

    Returns:
        a folder of results. In it the weights are those of the record, written again; run.json and
        policy.json follow from the record; metrics.parquet has the first rows, and is missing
        where they cannot be computed here.

    Raises:
        NotPossible: the policy is not here, or its code may not be run.
        ConfigError: the weights are not those of such a network; one line.
    """
    from daf.files.text_files import write_json
    from daf.learn.curriculum import build_curriculum
    from daf.learn.result import TrainingResult
    from daf.policies.factory import make_policy
    from daf.policies.game import Game
    from daf.policies.registry import PolicySpec

    job: Train = job_of(record)
    check_code(job, trust)
    run, last = job.run, build_curriculum(job.run)[-1]
    files = job.outputs("")
    place = folder / "results"
    (place / files["weights"]).parent.mkdir(parents=True)
    policy = make_policy(PolicySpec(run.class_path, None, run.init_kwargs), Game.of(*run.missions))
    trained = TrainingResult.of(run, policy, [], record.device, last.steps_after(last.end_update))
    versions = {"versions": record.origin.versions}
    write_json(place / files["run"], trained.run_json | versions)
    write_json(place / files["policy"], trained.policy_json | versions)
    try:
        policy.load(results / files["weights"])
    except ValueError as error:
        reason = f"{error}".removeprefix(f"weights {results / files['weights']}: ")
        raise ConfigError(f"{files['weights']}: {reason}") from None
    policy.save(place / files["weights"], run.init_kwargs)
    updates = min(UPDATES, last.end_update, MOST_STEPS // build_curriculum(run)[0].steps_per_update)
    possible = record.execution.ranks == 1 and (record.device == "cpu" or gpu_here())
    with contextlib.suppress(NotPossible):  # the initial weights may not be here
        initial = linked_inputs(results, record, place).get("initial_weights", [])
        if updates and possible:
            rows = _first_rows(record, job, next(iter(initial), None), updates)
            save_table(place / files["metrics"], rows)
    return place


def _first_rows(record: Sidecar, job: Train, initial: str | None, updates: int) -> pd.DataFrame:
    """The learning curve up to an update."""
    from daf.jobs.device import job_device
    from daf.learn.threads import single_threaded_executor
    from daf.learn.trainer import Trainer

    asked = SimpleNamespace(resources={"gpu": int(record.device == "cuda")}, threads=record.threads)
    execution = record.execution.model_copy(update={"device": "auto"})
    with job_device(asked, execution) as device, single_threaded_executor() as executor:
        training = Trainer(job.run, device, initial, executor)
        for _ in range(updates):
            training.run_update()
        return pd.DataFrame(training.curve)
