"""Comparison pipeline: evaluate and compare policies without training."""

from collections.abc import Iterable
from typing import Any

from daf.config import BenchmarkConfig, DAFConfig, TeamsConfig
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
from daf.orchestrators.result import PipelineResult
from daf.orchestrators.stages import CHECK_STAGE, Stage
from daf.plan.evaluation_summary import summarize_evaluations

STAGES = [
    Stage(CHECK_STAGE, (CHECK_STAGE,)),
    Stage("policy_comparison", ("evaluate",)),
    Stage("statistical_analysis", ("compare",)),
    Stage("report_generation", ("report",)),
]


def daf_run_comparison_pipeline(
    *,
    policies: Iterable[Any],
    missions: Iterable[str],
    episodes_per_mission: int = 64,
    teams: dict[str, Any] | None = None,
    name: str | None = None,
    results_dir: str | None = None,
    daf_config: DAFConfig | None = None,
) -> PipelineResult:
    """Evaluate policies in the same worlds, and rank them with confidence intervals.

    No policy is trained: a network without weights is evaluated with random ones and gets the
    name `...-untrained`. Stages: environment_check, policy_comparison, statistical_analysis,
    report_generation.

    Args:
        policies: short names, class paths, PolicySpecs or mappings.
        missions: names or YAML files.
        episodes_per_mission: episodes per mission of each policy.
        teams: analyses of teams of several policies, keys of `TeamsConfig`.
        name: name of the folders in `results/pipelines/` and `results/comparisons/` (default:
            derived from the arguments).
        results_dir: results folder (default: `results` in the working directory).
        daf_config: execution settings.

    Returns:
        `outputs` has `summary_statistics`, the content of stats.json with `best_policy`;
        `comparison_results`, policy -> mission -> {mean, sd, episodes, files}; `report`, path of
        the HTML file. Failed evaluations are absent, and listed in `errors` and in the report.

    Raises:
        ConfigError: invalid arguments; raised before any job starts.
    """
    daf = resolve_daf_config(daf_config, results_dir)
    policy_configs = [as_policy_config(policy) for policy in require_list(policies, "policies")]
    request = {
        "policies": [policy.resolved() | {"train": False} for policy in policy_configs],
        "missions": require_list(missions, "missions"),
        "evaluation": {"episodes": episodes_per_mission, "seed": daf.world_seed},
    }
    if teams is not None:
        request["teams"] = TeamsConfig.parse(as_dict(teams, "teams"), "argument 'teams'").resolved()
    name = name or pipeline_name_from_content("comparison", request)
    config = BenchmarkConfig.parse(
        {"name": name, **request, "execution": execution_settings(daf)}, "arguments"
    )
    with Pipeline(config.name, config, daf) as pipeline:
        succeeded = pipeline.make_targets_without_failed(["comparison_report"], STAGES)
        plan, outputs = pipeline.plan, pipeline.result.outputs
        outputs["comparison_results"] = summarize_evaluations(plan)
        outputs["files"] = {"policy_comparison": plan.episode_tables_except_missing()}
        if succeeded:
            outputs |= read_experiment_outputs(plan, "comparisons")
            outputs["files"]["statistical_analysis"] = [
                plan.experiment_file_path("comparisons", "stats.json")
            ]
            outputs["files"]["report_generation"] = [outputs["report"]]
    return pipeline.result
