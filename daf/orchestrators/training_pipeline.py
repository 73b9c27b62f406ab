"""Train one policy, and see how it does elsewhere if asked."""

from collections.abc import Iterable
from typing import Any

from daf.config import BenchmarkConfig, ConfigError, DAFConfig, EvaluationConfig, TrainingConfig
from daf.orchestrators.arguments import (
    as_list,
    default_name,
    execution_settings,
    policy_config,
    resolve_daf_config,
    settings,
)
from daf.orchestrators.experiment_outputs import weights_problem
from daf.orchestrators.pipeline import CHECK_STAGE, TRAIN_RULES, Pipeline, Stage, plan_of
from daf.orchestrators.result import PipelineResult
from daf.plan.evaluation_summary import summarize_evaluations

SAVE = "checkpoint_save"
STAGES = [
    Stage(CHECK_STAGE, (CHECK_STAGE,)),
    Stage("training", TRAIN_RULES),
    Stage(SAVE, TRAIN_RULES),
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

    Stages: environment_check, training, checkpoint_save, and evaluation if `eval_missions` are
    given.

    Args:
        policy_class_path: a network: short name, class path, PolicySpec or mapping; with a
            `data_path` the training goes on from these weights.
        missions: names or YAML files of what is trained on.
        num_training_steps: agent-steps in all, rounded up to whole updates.
        eval_missions: what it is evaluated on afterwards.
        eval_episodes: per mission.
        training: other hyperparameters, keys of `TrainingConfig`.
        name: of the folder in `results/pipelines/`; by default it follows from the request.
        results_dir: folder of all results; `results` in the working directory by default.
        daf_config: how to run. With several `training_seeds` there are several trainings; the
            first is the `final_checkpoint`.

    Returns:
        `outputs`: `final_checkpoint`, the path of the weights; `checkpoints`, those of all training
        seeds; `evaluation_results`, mission -> {mean, sd, episodes, files}.

    Raises:
        ConfigError: a request that cannot be carried out, before anything was begun.
    """
    daf = resolve_daf_config(daf_config, results_dir)
    policy = policy_config(policy_class_path)
    changes = {
        **settings(training, "training"),
        "missions": as_list(missions, "missions"),
        "steps": num_training_steps,
    }
    if policy.data_path is not None:
        changes["initial_weights"] = policy.data_path
        policy = policy.model_copy(update={"data_path": None})
    evaluated = None if eval_missions is None else as_list(eval_missions, "eval_missions")
    if evaluated == []:
        raise ConfigError("argument 'eval_missions': got []; give missions or leave it out")
    request = {
        "policies": [policy.resolved()],
        "missions": evaluated or changes["missions"],
        "training": TrainingConfig.parse(changes, "arguments").resolved(),
        "training_seeds": list(daf.training_seeds or (1,)),
        "evaluation": EvaluationConfig.parse(
            {"episodes": eval_episodes, "seed": daf.world_seed}, "arguments"
        ).resolved(),
    }
    name = name or default_name("training", request)
    config = BenchmarkConfig.parse(
        {"name": name, **request, "execution": execution_settings(daf)}, "arguments"
    )
    if not plan_of(config).runs:
        raise ConfigError(f"policy '{policy.class_path}' cannot be trained: it has no weights")
    stages = STAGES if evaluated is None else [*STAGES, Stage("evaluation", ("evaluate",))]
    with Pipeline(config.name, config, daf) as pipeline:
        pipeline.run("trainings" if evaluated is None else "evaluations", stages)
        _check_saved(pipeline)
        result, plan = pipeline.result, pipeline.plan
        files = result.outputs["files"] = {}
        if SAVE in result.stages_completed:
            files[SAVE] = [plan.weights_file(run) for run in plan.finished_runs()]
            result.outputs["checkpoints"] = files[SAVE]
            result.outputs["final_checkpoint"] = files[SAVE][0]
        if evaluated is not None:
            results = next(iter(summarize_evaluations(plan).values()), {})
            files["evaluation"] = [file for found in results.values() for file in found["files"]]
            result.outputs["evaluation_results"] = results
    return result


def _check_saved(pipeline: Pipeline) -> None:
    """Make sure that what the trainings left is what they wrote."""
    if SAVE not in pipeline.result.stages_completed:
        return
    broken = list(filter(None, (weights_problem(pipeline.plan, run) for run in pipeline.plan.runs)))
    if broken:
        pipeline.result.stages_completed.remove(SAVE)
        pipeline.fail(SAVE, "; ".join(broken))
