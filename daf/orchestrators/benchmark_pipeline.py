"""Benchmark pipeline: train policies, evaluate, compare and deploy them."""

from collections.abc import Iterable
from typing import Any

from daf.config import BenchmarkConfig, ConfigError, DAFConfig, TeamsConfig
from daf.orchestrators.arguments import (
    as_dict,
    as_policy_config,
    execution_settings,
    pipeline_name_from_content,
    require_list,
    resolve_daf_config,
)
from daf.orchestrators.experiment_outputs import read_experiment_outputs
from daf.orchestrators.pipeline import Pipeline
from daf.orchestrators.plans import make_benchmark_or_sweep_plan
from daf.orchestrators.result import PipelineResult
from daf.orchestrators.stages import CHECK_STAGE, TRAIN_RULES, Stage
from daf.plan import Plan
from daf.plan.evaluation_summary import (
    find_best_bundle_path_by_mission,
    list_run_weights_by_label,
    summarize_evaluations,
)


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
    """Train policies, evaluate all of them, compare and deploy.

    A network without `data_path` is trained on the missions, once per training seed (default: 1
    to 5). Stages: environment_check, training (if a policy is trained), evaluation, comparison
    (unless `compare` is False), deployment (if `deploy`).

    Args:
        policies: short names, class paths, PolicySpecs or mappings.
        missions: names or YAML files.
        episodes_per_mission: episodes per mission of each policy and training seed.
        num_training_steps: agent-steps of each run.
        training: other hyperparameters, keys of `TrainingConfig`.
        teams: analyses of teams of several policies, keys of `TeamsConfig`.
        compare: compute statistics and render the report.
        deploy: pack the best weights (highest overall score) into a bundle; with separate runs
            per mission, the best weights of each mission.
        name: name of the folders in `results/pipelines/` and `results/benchmarks/` (default:
            derived from the arguments).
        results_dir: results folder (default: `results` in the working directory).
        daf_config: execution settings.

    Returns:
        `outputs` has `checkpoints`, policy -> paths of weights; `evaluation_results`, policy ->
        mission -> {mean, sd, episodes, files}. With a comparison: `summary_statistics`,
        `comparison_results` and `report`. With a deployment: `deployment_package`, or with separate
        runs `deployment_packages`, mission -> path.

    Raises:
        ConfigError: invalid arguments; raised before any job starts.
    """
    daf = resolve_daf_config(daf_config, results_dir)
    hyperparameters = as_dict(training, "training")
    if num_training_steps is not None:
        hyperparameters["steps"] = num_training_steps
    policy_configs = [as_policy_config(policy) for policy in require_list(policies, "policies")]
    request = {
        "policies": [policy.resolved() for policy in policy_configs],
        "missions": require_list(missions, "missions"),
        "training": hyperparameters,
        "evaluation": {"episodes": episodes_per_mission, "seed": daf.world_seed},
    }
    if daf.training_seeds is not None:
        request["training_seeds"] = list(daf.training_seeds)
    if teams is not None:
        request["teams"] = TeamsConfig.parse(as_dict(teams, "teams"), "argument 'teams'").resolved()
    name = name or pipeline_name_from_content("benchmark", request)
    config = BenchmarkConfig.parse(
        {"name": name, **request, "execution": execution_settings(daf)}, "arguments"
    )
    return run_benchmark(config, daf, compare=compare, deploy=deploy)


def run_benchmark(
    config: BenchmarkConfig, daf: DAFConfig, *, compare: bool = True, deploy: bool = False
) -> PipelineResult:
    """Run the benchmark pipeline of a complete configuration.

    Args:
        config: configuration of the benchmark.
        daf: execution settings.
        compare: compute statistics and render the report.
        deploy: pack the best weights into a bundle, or those of each mission with separate runs.

    Raises:
        ConfigError: invalid configuration; raised before any job starts.
    """
    plan = make_benchmark_or_sweep_plan(config)
    if deploy and not plan.weights:
        raise ConfigError("argument 'deploy': none of the policies has weights to deploy")
    stages = [Stage(CHECK_STAGE, (CHECK_STAGE,))]
    stages += [Stage("training", TRAIN_RULES)] if plan.runs else []
    stages += [Stage("evaluation", ("evaluate",))]
    stages += [Stage("comparison", ("compare", "report"))] if compare else []
    with Pipeline(config.name, config, daf) as pipeline:
        succeeded = pipeline.make_targets_without_failed(
            ["benchmark_report" if compare else "evaluations"], stages
        )
        plan, outputs = pipeline.plan, pipeline.result.outputs
        files = outputs["files"] = {}
        outputs["checkpoints"] = list_run_weights_by_label(plan)
        files["training"] = [plan.weights_path(run) for run in plan.runs_except_missing()]
        outputs["evaluation_results"] = summarize_evaluations(plan)
        files["evaluation"] = plan.episode_tables_except_missing()
        if compare and succeeded:
            outputs |= read_experiment_outputs(plan, "benchmarks")
            files["comparison"] = [
                plan.experiment_file_path("benchmarks", "stats.json"),
                outputs["report"],
            ]
        if deploy and succeeded:
            _pack_best_policies(pipeline, plan)
    return pipeline.result


def _pack_best_policies(pipeline: Pipeline, plan: Plan) -> None:
    """Make the bundle of the best policy with weights, or one per mission with separate runs."""
    bundles = find_best_bundle_path_by_mission(plan)
    if bundles is None:
        pipeline.record_failure(
            "deployment", "no policy with weights was evaluated on every mission"
        )
        return
    files = list(dict.fromkeys(bundles.values()))
    if pipeline.make_targets_without_failed(files, [Stage("deployment", ("deploy",))], plan.config):
        outputs = pipeline.result.outputs
        outputs["files"]["deployment"] = files
        if plan.has_mission_specific_runs:
            outputs["deployment_packages"] = bundles
        else:
            outputs["deployment_package"] = files[0]
