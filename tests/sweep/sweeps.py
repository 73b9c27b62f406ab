"""Sweep configurations, and simulated searches without training."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from daf.config import DAFSweepConfig
from daf.sweep.conclude import conclude_sweep
from daf.sweep.objective import build_objective
from daf.sweep.propose import num_trials_by_round, propose_first_round, propose_next_round
from daf.sweep.rank import build_rounds_table, rank_trials, select_finalists
from daf.sweep.trials import Outcome, Trial

GRID = {"learning_rate": [0.0001, 0.001], "hidden_size": [8, 16], "anneal": [True]}
RANGES = {
    "learning_rate": {"min": 1e-5, "max": 1e-1, "log": True},
    "entropy_coef": {"min": 1e-4, "max": 1e-1, "log": True},
    "clip": {"min": 0.05, "max": 0.5},
    "hidden_size": {"min": 16, "max": 256, "log": True, "int": True},
}


def landscape(values: dict) -> float:
    """Return an objective with one maximum of 100, in which two hyperparameters interact."""
    rate = math.log10(values["learning_rate"]) + 2.7
    entropy = math.log10(values["entropy_coef"]) + 2 + 0.4 * rate
    clip = 5 * (values["clip"] - 0.2)
    distance = rate**2 / 0.36 + entropy**2 / 0.5 + clip**2
    return 100 * math.exp(-distance / 2) - 2 * abs(math.log2(values["hidden_size"]) - 6.5)


def sweep(**changes: Any) -> DAFSweepConfig:
    """Return a small grid sweep, with changes."""
    data = {
        "name": "s",
        "policy_class_path": "stateless",
        "missions": ["assembler_1"],
        "search_space": GRID,
    }
    return DAFSweepConfig.parse(data | changes, "sweep.yaml")


def run_search(
    config: DAFSweepConfig, objective: Callable[[dict], float | None]
) -> list[list[Outcome]]:
    """Return the outcomes of all rounds of a search with this objective function."""
    history: list[list[Outcome]] = []
    for number in range(len(num_trials_by_round(config))):
        trials = propose_next_round(config, history) if number else propose_first_round(config)
        history.append([Outcome(trial, objective(trial.values)) for trial in trials])
    return history


def measure_trials(
    trials: Sequence[Trial], objective: Callable[[dict], float | None], steps: int, tag: str
) -> tuple[list[dict], pd.DataFrame]:
    """Return entries of trials as from `Round.trial_runs`, and their episode table.

    Each trial has one run, which fails or has two episodes around the objective.
    """
    entries, rows = [], []
    for trial in trials:
        run, value = f"{tag}-{trial.name}", objective(trial.values)
        failed = [run] if value is None else []
        entries.append({"trial": trial.name, "values": trial.values, "steps": steps,
                        "runs": [run], "failed": failed})  # fmt: skip
        rows += [
            {"policy": "p", "run": run, "training_seed": 1, "mission": "m"}
            | {"episode": world, "world_seed": world, "score": value + (-1) ** world}
            for world in range(0 if value is None else 2)
        ]
    return entries, pd.DataFrame(rows).astype({"training_seed": "Int64"})


def run_sweep(
    config: DAFSweepConfig, objective: Callable[[dict], float | None]
) -> tuple[dict[str, Any], list[Outcome]]:
    """Return the result of a search with confirmation, and the outcomes of all its rounds."""
    history = run_search(config, objective)
    parts = [
        measure_trials(
            [outcome.trial for outcome in outcomes], objective, 100 * (number + 1), f"r{number}"
        )
        for number, outcomes in enumerate(history)
    ]
    rounds, table = [entries for entries, _ in parts], pd.concat([table for _, table in parts])
    trials = rank_trials(config, rounds, table, {})
    rounds_table = build_rounds_table(rounds, table, build_objective(config, {}))
    best = [Trial(entry["trial"], entry["values"]) for entry in select_finalists(config, trials)]
    confirmation = measure_trials(best, objective, 900, "confirmation")
    result = conclude_sweep(config, trials, rounds_table, *confirmation, {})
    return result, [outcome for outcomes in history for outcome in outcomes]
