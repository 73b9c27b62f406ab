"""What the evaluations of a plan came to, read back from their files."""

from typing import Any

import pandas as pd

from daf.files.parquet import load_table
from daf.plan.plan import Plan


def summarize_evaluations(plan: Plan) -> dict[str, dict[str, dict[str, Any]]]:
    """What the evaluations came to: policy -> mission -> {mean, sd, episodes, files}."""
    tables: dict[str, dict[str, list[str]]] = {}
    for player, mission in plan.evaluations():
        of_policy = tables.setdefault(plan.labels[player], {})
        of_policy.setdefault(mission, []).append(plan.episodes_file(player, mission))
    return {
        policy: {mission: _summary(files) for mission, files in missions.items()}
        for policy, missions in tables.items()
    }


def _summary(files: list[str]) -> dict[str, Any]:
    scores = pd.concat([load_table(path, ["score"]) for path in files])["score"]
    return {
        "mean": float(scores.mean()),
        "sd": float(scores.std()) if len(scores) > 1 else 0.0,
        "episodes": len(scores),
        "files": files,
    }


def best_policy_with_weights(plan: Plan) -> str | None:
    """The player with weights whose mean score over the missions is highest; None without one.

    Only players that were evaluated on every mission are considered. This picks a file to use; it
    is no claim about methods.
    """
    means = {}
    for player in plan.weights:
        files = [plan.episodes_file(*cell) for cell in plan.evaluations() if cell[0] == player]
        if len(files) == len(plan.missions):
            means[player] = sum(_summary([path])["mean"] for path in files) / len(files)
    return max(sorted(means), key=means.get) if means else None
