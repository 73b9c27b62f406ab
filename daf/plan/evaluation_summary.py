"""Summary of a plan's evaluations, read from their episode tables."""

from typing import Any

import pandas as pd

from daf.files.parquet import load_table
from daf.plan.plan import Plan


def summarize_evaluations(plan: Plan) -> dict[str, dict[str, dict[str, Any]]]:
    """Summarize the scores of all evaluations.

    Returns:
        label -> mission -> {mean, sd, episodes, files}, over all runs of a label.
    """
    files: dict[str, dict[str, list[str]]] = {}
    for contestant, mission in plan.evaluations():
        by_mission = files.setdefault(plan.labels[contestant], {})
        by_mission.setdefault(mission, []).append(plan.episodes_file(contestant, mission))
    return {
        label: {mission: _summarize_tables(paths) for mission, paths in by_mission.items()}
        for label, by_mission in files.items()
    }


def _summarize_tables(files: list[str]) -> dict[str, Any]:
    scores = pd.concat([load_table(path, ["score"]) for path in files])["score"]
    return {
        "mean": float(scores.mean()),
        "sd": float(scores.std()) if len(scores) > 1 else 0.0,
        "episodes": len(scores),
        "files": files,
    }


def best_policy_with_weights(plan: Plan) -> str | None:
    """Return the policy instance with weights and the highest mean score; None without any.

    Only policy instances with evaluations on all missions count. The choice selects a file to
    deploy; it makes no claim about methods.
    """
    means = {}
    for policy in plan.weights:
        evaluations = [(name, mission) for name, mission in plan.evaluations() if name == policy]
        files = [plan.episodes_file(*evaluation) for evaluation in evaluations]
        if len(files) == len(plan.missions):
            means[policy] = sum(_summarize_tables([path])["mean"] for path in files) / len(files)
    return max(sorted(means), key=means.get) if means else None
