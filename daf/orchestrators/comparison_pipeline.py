"""Compare policies as they are."""

from collections.abc import Iterable
from typing import Any

from daf.config import BenchmarkConfig, DAFConfig, TeamsConfig, load_json
from daf.orchestrators.arguments import (
    as_list,
    default_name,
    execution_settings,
    policy_config,
    resolve_daf_config,
    settings,
)
from daf.orchestrators.pipeline import CHECK_STAGE, Pipeline, Stage
from daf.orchestrators.result import PipelineResult
from daf.plan import Plan
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
    """Let policies play the same worlds, and say which is best and how sure that is.

    Nothing is trained: a network without weights plays with random ones and is called
    `...-untrained`. Stages: environment_check, policy_comparison, statistical_analysis,
    report_generation.

    Args:
        policies: short names, class paths, PolicySpecs or mappings.
        missions: names or YAML files.
        episodes_per_mission: of each policy.
        teams: questions about teams of several policies, keys of `TeamsConfig`.
        name: of the folders in `results/pipelines/` and `results/comparisons/`; by default it
            follows from the request.
        results_dir: folder of all results; `results` in the working directory by default.
        daf_config: how to run.

    Returns:
        `outputs`: `summary_statistics`, the content of stats.json with `best_policy`;
        `comparison_results`, policy -> mission -> {mean, sd, episodes, files}; `report`, the path
        of the HTML file. What failed is missing there and named in `errors` and in the report.

    Raises:
        ConfigError: a request that cannot be carried out, before anything was begun.
    """
    daf = resolve_daf_config(daf_config, results_dir)
    chosen = [policy_config(policy) for policy in as_list(policies, "policies")]
    request = {
        "policies": [policy.resolved() | {"train": False} for policy in chosen],
        "missions": as_list(missions, "missions"),
        "evaluation": {"episodes": episodes_per_mission, "seed": daf.world_seed},
    }
    if teams is not None:
        request["teams"] = TeamsConfig.parse(
            settings(teams, "teams"), "argument 'teams'"
        ).resolved()
    name = name or default_name("comparison", request)
    config = BenchmarkConfig.parse(
        {"name": name, **request, "execution": execution_settings(daf)}, "arguments"
    )
    with Pipeline(config.name, config, daf) as pipeline:
        made = pipeline.run("comparison_report", STAGES)
        plan, outputs = pipeline.plan, pipeline.result.outputs
        outputs["comparison_results"] = summarize_evaluations(plan)
        outputs["files"] = {"policy_comparison": plan.episodes_files()}
        if made:
            outputs |= experiment_outputs(plan, "comparisons")
            outputs["files"]["statistical_analysis"] = [
                plan.experiment_file("comparisons", "stats.json")
            ]
            outputs["files"]["report_generation"] = [outputs["report"]]
    return pipeline.result


def experiment_outputs(plan: Plan, kind: str) -> dict[str, Any]:
    """What a study came to, as the outputs of a pipeline."""
    return {
        "summary_statistics": load_json(plan.experiment_file(kind, "stats.json")),
        "comparison_results": summarize_evaluations(plan),
        "report": plan.experiment_file(kind, "report.html"),
    }
