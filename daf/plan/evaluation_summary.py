"""Summary of a plan's evaluations, read from their episode tables."""

from collections.abc import Sequence
from typing import TypedDict

from daf.plan.plan import Plan


class ScoreSummary(TypedDict):
    """Scores of the evaluations of one label on one mission.

    Attributes:
        mean, sd: mean and standard deviation over episodes.
        episodes: number of episodes.
        files: paths of the episode tables.
    """

    mean: float
    sd: float
    episodes: int
    files: list[str]


SummariesByLabel = dict[str, dict[str, ScoreSummary]]
"""Label -> mission -> summary over all runs of the label."""


def summarize_evaluations(plan: Plan) -> SummariesByLabel:
    """Summarize the scores of all evaluations, by label and mission."""
    files: dict[str, dict[str, list[str]]] = {}
    for contestant, mission in plan.evaluations_except_missing():
        by_mission = files.setdefault(plan.labels[contestant], {})
        by_mission.setdefault(mission, []).append(plan.episode_table_path(contestant, mission))
    return {
        label: {mission: _summarize_episode_tables(paths) for mission, paths in by_mission.items()}
        for label, by_mission in files.items()
    }


def _summarize_episode_tables(table_files: list[str]) -> ScoreSummary:
    import pandas as pd  # slow import, needed here only

    from daf.files.parquet import load_table

    scores = pd.concat([load_table(path, ["score"]) for path in table_files])["score"]
    return {
        "mean": float(scores.mean()),
        "sd": float(scores.std()) if len(scores) > 1 else 0.0,
        "episodes": len(scores),
        "files": table_files,
    }


def list_run_weights_by_label(plan: Plan) -> dict[str, list[str]]:
    """Return the weights files of all runs that are not declared missing, by policy label."""
    files: dict[str, list[str]] = {}
    for run in plan.runs_except_missing():
        files.setdefault(plan.labels[run], []).append(plan.weights_path(run))
    return files


def find_best_bundle_path_by_mission(plan: Plan) -> dict[str, str] | None:
    """Return the bundle of the best weights for each mission.

    Without separate runs, one policy instance is the best over all missions. With separate runs,
    each mission has a best policy instance of its own.

    Returns:
        paths by mission name; None if a mission has no policy instance with weights.
    """
    names = tuple(plan.missions)
    groups = [(name,) for name in names] if plan.has_mission_specific_runs else [names]
    bundles: dict[str, str] = {}
    for group in groups:
        best = find_best_policy_with_weights(plan, group)
        if best is None:
            return None
        bundles |= dict.fromkeys(group, plan.bundle_path(best))
    return bundles


def find_best_policy_with_weights(plan: Plan, mission_names: Sequence[str]) -> str | None:
    """Return the policy instance with weights and the highest overall score; None without any.

    The overall score is the mean over the missions, in shares of the ceiling if there are ceilings.
    Only policy instances with evaluations on all these missions count. The choice selects a file
    to deploy; it makes no claim about methods.
    """
    from daf.stats.normalization import choose_overall_scale  # slow import, needed here only

    scale = choose_overall_scale(
        mission_names, {name: plan.missions[name].ceiling for name in mission_names}
    )
    means: dict[str, float] = {}
    for policy in plan.weights:
        evaluations = [
            evaluation
            for evaluation in plan.evaluations_except_missing()
            if evaluation.contestant_name == policy and evaluation.mission_name in mission_names
        ]
        if len(evaluations) == len(mission_names):
            shares = [
                _summarize_episode_tables([plan.episode_table_path(*evaluation)])["mean"]
                / scale.divisors[evaluation.mission_name]
                for evaluation in evaluations
                if evaluation.mission_name in scale.divisors
            ]
            means[policy] = sum(shares) / len(shares)
    return max(sorted(means), key=lambda policy: means[policy]) if means else None
