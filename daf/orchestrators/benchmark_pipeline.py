"""From policies to a report and a package: train what needs it, evaluate, compare, deploy."""

from collections.abc import Iterable
from typing import Any

from daf.config import BenchmarkConfig, ConfigError, DAFConfig, TeamsConfig
from daf.orchestrators.arguments import (
    as_list,
    default_name,
    execution_settings,
    policy_config,
    resolve_daf_config,
    settings,
)
from daf.orchestrators.comparison_pipeline import experiment_outputs
from daf.orchestrators.pipeline import CHECK_STAGE, TRAIN_RULES, Pipeline, Stage, plan_of
from daf.orchestrators.result import PipelineResult
from daf.plan import Plan
from daf.plan.evaluation_summary import best_policy_with_weights, summarize_evaluations


def daf_run_benchmark_pipeline(
    *,
    policies: Iterable[Any],
    missions: Iterable[str],
    episodes_per_mission: int = 64,
    num_training_steps: int | None = None,
    training: dict[str, Any] | None = None,
    teams: dict[str, Any] | None = None,
    compare: bool = True,
    deploy: bool = False,
    name: str | None = None,
    results_dir: str | None = None,
    daf_config: DAFConfig | None = None,
) -> PipelineResult:
    """Train the policies that need it, evaluate all of them, compare and deploy.

    A network without `data_path` is trained on the missions, once for each training seed (1 to 5
    by default). Stages: environment_check, training (if something is trained), evaluation,
    comparison (unless `compare` is False), deployment (if `deploy`).

    Args:
        policies: short names, class paths, PolicySpecs or mappings.
        missions: names or YAML files.
        episodes_per_mission: of each policy and training seed.
        num_training_steps: agent-steps of each training.
        training: other hyperparameters, keys of `TrainingConfig`.
        teams: questions about teams of several policies, keys of `TeamsConfig`.
        compare: make statistics and the report.
        deploy: pack the best weights (highest mean score over the missions).
        name: of the folders in `results/pipelines/` and `results/benchmarks/`; by default it
            follows from the request.
        results_dir: folder of all results; `results` in the working directory by default.
        daf_config: how to run.

    Returns:
        `outputs`: `checkpoints`, policy -> paths of weights; `evaluation_results`, policy ->
        mission -> {mean, sd, episodes, files}; with a comparison `summary_statistics`,
        `comparison_results` and `report`; with a deployment `deployment_package`.

    Raises:
        ConfigError: a request that cannot be carried out, before anything was begun.
    """
    daf = resolve_daf_config(daf_config, results_dir)
    changes = settings(training, "training")
    if num_training_steps is not None:
        changes["steps"] = num_training_steps
    chosen = [policy_config(policy) for policy in as_list(policies, "policies")]
    request = {
        "policies": [policy.resolved() for policy in chosen],
        "missions": as_list(missions, "missions"),
        "training": changes,
        "evaluation": {"episodes": episodes_per_mission, "seed": daf.world_seed},
    }
    if daf.training_seeds is not None:
        request["training_seeds"] = list(daf.training_seeds)
    if teams is not None:
        request["teams"] = TeamsConfig.parse(
            settings(teams, "teams"), "argument 'teams'"
        ).resolved()
    name = name or default_name("benchmark", request)
    config = BenchmarkConfig.parse(
        {"name": name, **request, "execution": execution_settings(daf)}, "arguments"
    )
    return run_benchmark(config, daf, compare=compare, deploy=deploy)


def run_benchmark(
    config: BenchmarkConfig, daf: DAFConfig, *, compare: bool = True, deploy: bool = False
) -> PipelineResult:
    """The same for a configuration as it stands in a file."""
    planned = plan_of(config)
    if deploy and not planned.weights:
        raise ConfigError("argument 'deploy': none of the policies has weights to deploy")
    stages = [Stage(CHECK_STAGE, (CHECK_STAGE,))]
    stages += [Stage("training", TRAIN_RULES)] if planned.runs else []
    stages += [Stage("evaluation", ("evaluate",))]
    stages += [Stage("comparison", ("compare", "report"))] if compare else []
    with Pipeline(config.name, config, daf) as pipeline:
        made = pipeline.run("benchmark_report" if compare else "evaluations", stages)
        plan, outputs = pipeline.plan, pipeline.result.outputs
        files = outputs["files"] = {}
        outputs["checkpoints"] = _checkpoints(plan)
        files["training"] = [plan.weights_file(run) for run in plan.finished_runs()]
        outputs["evaluation_results"] = summarize_evaluations(plan)
        files["evaluation"] = plan.episodes_files()
        if compare and made:
            outputs |= experiment_outputs(plan, "benchmarks")
            files["comparison"] = [
                plan.experiment_file("benchmarks", "stats.json"),
                outputs["report"],
            ]
        if deploy and made:
            _deploy(pipeline, plan)
    return pipeline.result


def _deploy(pipeline: Pipeline, plan: Plan) -> None:
    best = best_policy_with_weights(plan)
    if best is None:
        pipeline.fail("deployment", "no policy with weights was evaluated on every mission")
        return
    package = plan.bundle_file(best)
    if pipeline.run(package, [Stage("deployment", ("deploy",))], plan.config):
        pipeline.result.outputs["deployment_package"] = package
        pipeline.result.outputs["files"]["deployment"] = [package]


def _checkpoints(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for run in plan.finished_runs():
        found.setdefault(plan.labels[run], []).append(plan.weights_file(run))
    return found
