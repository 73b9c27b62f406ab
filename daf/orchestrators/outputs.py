"""Reads back what the workflow made."""

from pathlib import Path
from typing import Any

import pandas as pd

from daf.parquet import load_table
from daf.plan import Plan
from daf.provenance import file_digest
from daf.record import SUFFIX, Record


def evaluations_of(plan: Plan) -> dict[str, dict[str, dict[str, Any]]]:
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


def best_weights(plan: Plan) -> str | None:
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


def damage(plan: Plan, run: str) -> str | None:
    """What is wrong with the weights of a training; None if they are what was written."""
    weights = plan.weights_file(run)
    if not Path(weights).is_file():
        return f"{weights} is gone"
    recorded = Record.read(f"{weights}{SUFFIX}").output_files()
    written = recorded.get(f"runs/{run}/policy.safetensors")
    return None if file_digest(weights) == written else f"{weights} is not what was written"
