"""Training pipeline: train one policy, and evaluate it on request."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    DAFConfig,
    EvaluationConfig,
    TrainingConfig,
    short_json,
)
from daf.orchestrators.arguments import (
    as_dict,
    as_policy_config,
    execution_settings,
    pipeline_name_from_content,
    require_list,
    resolve_daf_config,
)
from daf.orchestrators.pipeline import Pipeline
from daf.orchestrators.plans import make_benchmark_or_sweep_plan
from daf.orchestrators.result import PipelineResult
from daf.orchestrators.stages import CHECK_STAGE, TRAIN_RULES, Stage
from daf.plan import Plan
from daf.plan.evaluation_summary import summarize_evaluations
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar

SAVE_STAGE = "checkpoint_save"
STAGES = [
    Stage(CHECK_STAGE, (CHECK_STAGE,)),
    Stage("training", TRAIN_RULES),
    Stage(SAVE_STAGE, TRAIN_RULES),
]


def daf_run_training_pipeline(
    *,
    policy_class_path: Any,
    missions: Iterable[str],
    num_training_steps: int,
    eval_missions: Iterable[str] | None = None,
    eval_episodes: int = 64,
    training: dict[str, Any] | None = None,
    name: str | None = None,
    results_dir: str | None = None,
    daf_config: DAFConfig | None = None,
) -> PipelineResult:
    """Train one policy on all `missions` together.

    Stages: environment_check, training, checkpoint_save, and evaluation if there are
    `eval_missions`.

    Args:
        policy_class_path: network, as short name, class path, PolicySpec or mapping; training
            starts from the weights of its `data_path`.
        missions: training missions, names or YAML files.
        num_training_steps: agent-steps in total, rounded up to whole updates.
        eval_missions: evaluation missions, names or YAML files.
        eval_episodes: evaluation episodes per mission.
        training: other hyperparameters, keys of `TrainingConfig`.
        name: name of the folder in `results/pipelines/` (default: derived from the arguments).
        results_dir: results folder (default: `results` in the working directory).
        daf_config: execution settings. Several `training_seeds` give several runs; the first one
            is the `final_checkpoint`.

    Returns:
        `outputs` has `final_checkpoint`, path of the weights; `checkpoints`, paths of the weights
        of all training seeds; `evaluation_results`, mission -> {mean, sd, episodes, files}.

    Raises:
        ConfigError: invalid arguments; raised before any job starts.
    """
    daf = resolve_daf_config(daf_config, results_dir)
    policy = as_policy_config(policy_class_path)
    if policy.data_paths:
        raise ConfigError(
            f"key 'data_paths': got {short_json(policy.data_paths)}; expected 'data_path', the "
            "initial weights of all training seeds"
        )
    hyperparameters = {
        **as_dict(training, "training"),
        "missions": require_list(missions, "missions"),
        "steps": num_training_steps,
    }
    if policy.data_path is not None:
        hyperparameters["initial_weights"] = policy.data_path
        policy = policy.model_copy(update={"data_path": None})
    eval_missions = None if eval_missions is None else require_list(eval_missions, "eval_missions")
    if eval_missions == []:
        raise ConfigError("argument 'eval_missions': got []; expected missions, or None")
    request = {
        "policies": [policy.resolved()],
        "missions": eval_missions or hyperparameters["missions"],
        "training": TrainingConfig.parse(hyperparameters, "arguments").resolved(),
        "training_seeds": list(daf.training_seeds or (1,)),
        "evaluation": EvaluationConfig.parse(
            {"episodes": eval_episodes, "seed": daf.world_seed}, "arguments"
        ).resolved(),
    }
    name = name or pipeline_name_from_content("training", request)
    config = BenchmarkConfig.parse(
        {"name": name, **request, "execution": execution_settings(daf)}, "arguments"
    )
    if not make_benchmark_or_sweep_plan(config).runs:
        raise ConfigError(f"policy '{policy.class_path}' cannot be trained: it has no weights")
    return _run_training_pipeline(config, daf, evaluate=eval_missions is not None)


def _run_training_pipeline(
    config: BenchmarkConfig, daf: DAFConfig, evaluate: bool
) -> PipelineResult:
    stages = [*STAGES, Stage("evaluation", ("evaluate",))] if evaluate else STAGES
    with Pipeline(config.name, config, daf) as pipeline:
        pipeline.make_targets_without_failed(["evaluations" if evaluate else "trainings"], stages)
        _fail_save_stage_on_modified_weights(pipeline)
        result, plan = pipeline.result, pipeline.plan
        files = result.outputs["files"] = {}
        if SAVE_STAGE in result.stages_completed:
            files[SAVE_STAGE] = [plan.weights_path(run) for run in plan.runs_except_missing()]
            result.outputs["checkpoints"] = files[SAVE_STAGE]
            result.outputs["final_checkpoint"] = files[SAVE_STAGE][0]
        if evaluate:
            summaries = next(iter(summarize_evaluations(plan).values()), {})
            files["evaluation"] = [file for s in summaries.values() for file in s["files"]]
            result.outputs["evaluation_results"] = summaries
    return result


def _fail_save_stage_on_modified_weights(pipeline: Pipeline) -> None:
    """Record a failure of the save stage if weights differ from those that its jobs wrote."""
    if SAVE_STAGE not in pipeline.result.stages_completed:
        return
    problems = [
        _describe_missing_or_modified_weights(pipeline.plan, run) for run in pipeline.plan.runs
    ]
    if any(problems):
        pipeline.result.stages_completed.remove(SAVE_STAGE)
        pipeline.record_failure(SAVE_STAGE, "; ".join(filter(None, problems)))


def _describe_missing_or_modified_weights(plan: Plan, run_name: str) -> str | None:
    weights = plan.weights_path(run_name)
    if not Path(weights).is_file():
        return f"{weights}: file does not exist"
    digests = Sidecar.read(f"{weights}{SUFFIX}").digest_by_output_path()
    expected = digests.get(f"runs/{run_name}/policy.safetensors")
    return None if file_digest(weights) == expected else f"{weights}: changed after training"
