"""Re-execution of the first updates of a run, and of the files that need no training."""

import contextlib
import math
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd

from daf.audit.jobs import (
    CannotVerifyError,
    TrainJob,
    check_policies_trusted_and_unchanged,
    parse_job,
)
from daf.audit.learning_curve import find_curve_mismatch
from daf.audit.reexecute import is_gpu_available, link_job_inputs
from daf.config import ConfigError
from daf.files.parquet import load_table, save_table
from daf.plan import Run
from daf.provenance.sidecar import Sidecar

if TYPE_CHECKING:
    from daf.policies.trainable import TrainablePolicy

PREFIX_UPDATES = 2
"""Update 1 depends on rollout and loss of the initial weights, update 2 on the optimizer step."""

MAX_PREFIX_STEPS = 2**18
"""Maximum number of re-executed agent-steps; the recorded rollout may have any size."""


def reexecute_first_updates(
    results_dir: Path,
    sidecar: Sidecar,
    new_results_dir: Path,
    trusted_class_paths: tuple[str, ...] = (),
) -> None:
    """Re-execute the first updates of a run, and derive its run.json and policy.json.

    The new weights and checkpoints are the recorded ones, loaded and saved. run.json and
    policy.json follow from the sidecar and the recorded learning curve. metrics.parquet has the
    first rows; it is missing if they cannot be computed here.

    Args:
        results_dir: results folder with the inputs of the run.
        sidecar: sidecar of the run.
        new_results_dir: empty folder for the outputs, under their recorded names.
        trusted_class_paths: class paths of foreign policies whose code may run.

    Raises:
        CannotVerifyError: the code of the policy is not available, or not trusted.
        ConfigError: the weights do not fit the network; one line.
    """
    from daf.files.text_files import write_json
    from daf.learn.curriculum import build_curriculum
    from daf.learn.result import TrainingResult
    from daf.policies.factory import make_policy
    from daf.policies.game import Game
    from daf.policies.registry import PolicySpec
    from daf.policies.trainable import TrainablePolicy

    job = parse_job(sidecar)
    assert isinstance(job, TrainJob)  # the client requests this for runs only
    check_policies_trusted_and_unchanged(job, trusted_class_paths)
    run, curriculum = job.run, build_curriculum(job.run)
    last_stage = curriculum[-1]
    files = job.path_from_parameters_by_output_name()
    (new_results_dir / files["weights"]).parent.mkdir(parents=True)
    policy = make_policy(PolicySpec(run.class_path, None, run.init_kwargs), Game.of(*run.missions))
    assert isinstance(policy, TrainablePolicy)
    rows = _select_curve_rows_for_run_json(run, results_dir / files["metrics"])
    result = TrainingResult.from_run(run, policy, rows, sidecar.device)
    versions = {"versions": sidecar.origin.versions}
    write_json(new_results_dir / files["run"], result.run_json | versions)
    write_json(new_results_dir / files["policy"], result.policy_json | versions)
    for name in sidecar.outputs.keys() - {"run", "policy", "metrics"}:  # weights and checkpoints
        _load_and_save_weights(policy, run, results_dir, new_results_dir, files[name])
    affordable_updates = MAX_PREFIX_STEPS // curriculum[0].steps_per_update
    num_updates = min(PREFIX_UPDATES, last_stage.end_update, affordable_updates)
    has_device = sidecar.device == "cpu" or is_gpu_available()
    with contextlib.suppress(CannotVerifyError):  # the initial weights may not be available
        weights = link_job_inputs(results_dir, sidecar, new_results_dir).get("initial_weights", [])
        if num_updates and sidecar.execution.ranks == 1 and has_device:
            rows = _train_first_updates(sidecar, job, next(iter(weights), None), num_updates)
            save_table(new_results_dir / files["metrics"], rows)


def _select_curve_rows_for_run_json(run: Run, recorded_curve_file: Path) -> list[dict[str, Any]]:
    """Return rows of a learning curve that give the agent-steps of run.json.

    Without early stop and best weights, these follow from the configuration. A recorded curve that
    its run cannot have produced does not decide them, either.
    """
    from daf.learn.curriculum import build_curriculum

    if run.training.stop_when or run.training.keep_best:
        with contextlib.suppress(ConfigError):
            curve = load_table(recorded_curve_file)
            if find_curve_mismatch(curve, run) is None:
                return curve.to_dict("records")
    last = build_curriculum(run)[-1]
    steps = last.count_agent_steps_of_run(last.end_update)
    return [{"steps": steps, "eval_score": math.nan}]


def _load_and_save_weights(
    policy: "TrainablePolicy",
    run: Run,
    results_dir: Path,
    new_results_dir: Path,
    relative_weights_file: str,
) -> None:
    """Load weights of a run from one results folder and save them in another.

    Raises:
        ConfigError: the weights do not fit the network; one line.
    """
    try:
        policy.load(results_dir / relative_weights_file)
    except ValueError as error:
        reason = f"{error}".removeprefix(f"weights {results_dir / relative_weights_file}: ")
        raise ConfigError(f"{relative_weights_file}: {reason}") from None
    (new_results_dir / relative_weights_file).parent.mkdir(parents=True, exist_ok=True)
    policy.save(new_results_dir / relative_weights_file, run.init_kwargs)


def _train_first_updates(
    sidecar: Sidecar, job: TrainJob, initial_weights_file: str | None, num_updates: int
) -> pd.DataFrame:
    """Return the learning curve of the first updates.

    Args:
        sidecar: sidecar of the run.
        job: job of the sidecar.
        initial_weights_file: path of the initial weights, if the run starts from a file.
        num_updates: number of updates to run.
    """
    from daf.jobs.device import claim_job_device
    from daf.learn.threads import thread_pool_with_serial_torch
    from daf.learn.trainer import Trainer

    resources = {"gpu": int(sidecar.device == "cuda")}
    snakemake = SimpleNamespace(resources=resources, threads=sidecar.threads)
    execution = sidecar.execution.model_copy(update={"device": "auto"})
    with (
        claim_job_device(snakemake, execution) as device,
        thread_pool_with_serial_torch() as executor,
    ):
        # Evaluations change no weights, and may take longer than the updates.
        changes = {"evaluate_every": None, "keep_best": None, "stop_when": None}
        training = job.run.training.model_copy(update=changes)
        run = job.run.model_copy(update={"training": training})
        trainer = Trainer(run, device, initial_weights_file, executor)
        for _ in range(num_updates):
            trainer.run_update()
        return pd.DataFrame(trainer.curve)
