"""Reads back what the workflow made."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from daf.plan import Plan
from daf.provenance import file_digest
from daf.record import SUFFIX


def read_json(path: str | Path) -> Any:
    """The content of a JSON file of ours."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


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
    scores = pd.concat([pd.read_parquet(path, columns=["score"]) for path in files])["score"]
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
    for player, config in plan.players.items():
        files = [plan.episodes_file(*cell) for cell in plan.evaluations() if cell[0] == player]
        if config.data_path is not None and len(files) == len(plan.missions):
            means[player] = sum(_summary([path])["mean"] for path in files) / len(files)
    return max(sorted(means), key=means.get) if means else None


def damage(plan: Plan, run: str) -> str | None:
    """What is wrong with the weights of a training; None if they are what was written."""
    weights = plan.weights_file(run)
    if not Path(weights).is_file():
        return f"{weights} is gone"
    name = f"runs/{run}/policy.safetensors"
    recorded = read_json(f"{weights}{SUFFIX}")["outputs"].get(name)
    return None if file_digest(weights) == recorded else f"{weights} is not what was written"
