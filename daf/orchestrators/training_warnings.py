"""Warnings of a pipeline about training runs that succeeded without learning anything."""

from pathlib import Path

from daf.config import ConfigError
from daf.files.parquet import load_table
from daf.jobs.never_scored import format_never_scored, has_never_scored
from daf.jobs.training_groups import RunMissions, name_training_group_by_run
from daf.plan import Plan
from daf.stats import abbreviate_name_list

MAX_WARNINGS = 3
"""Maximum number of training groups with a warning each; more of them share one."""


def list_zero_score_run_warnings(plan: Plan) -> list[str]:
    """Return a warning of one line per training group with runs that never scored.

    Args:
        plan: plan of a pipeline, with the runs that are not missing.
    """
    group_by_run = name_training_group_by_run(
        [
            RunMissions(name, plan.labels[name], run.training.missions)
            for name, run in plan.runs.items()
        ]
    )
    results_by_group: dict[str, list[bool]] = {}
    warnings = []
    for run in plan.runs_except_missing():
        metrics_file = Path(plan.run_json_path(run)).with_name("metrics.parquet")
        if not metrics_file.is_file():
            continue
        try:
            metrics = load_table(metrics_file)
            if "score" not in metrics.columns:
                raise ConfigError(f"{metrics_file}: column 'score' is missing")
        except ConfigError as error:
            warnings.append(str(error))
            continue
        is_failed = has_never_scored(metrics["score"], metrics.get("eval_score", ()))
        results_by_group.setdefault(group_by_run[run], []).append(is_failed)
    labels = [
        group if all(results) else f"{group} ({sum(results)} of {len(results)} runs)"
        for group, results in results_by_group.items()
        if any(results)
    ]
    if len(labels) > MAX_WARNINGS:
        labels = [abbreviate_name_list(labels)]
    return warnings + list(map(format_never_scored, labels))
