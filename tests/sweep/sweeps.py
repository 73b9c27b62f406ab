"""Sweeps to test with, and searches in which nothing is trained."""

from collections.abc import Callable
from typing import Any

from daf.config import DAFSweepConfig
from daf.sweep.propose import first_round, next_round, sizes
from daf.sweep.trials import Outcome

GRID = {"learning_rate": [0.0001, 0.001], "hidden_size": [8, 16], "anneal": [True]}
RANGES = {
    "learning_rate": {"min": 1e-5, "max": 1e-1, "log": True},
    "entropy_coef": {"min": 1e-4, "max": 1e-1, "log": True},
    "clip": {"min": 0.05, "max": 0.5},
    "hidden_size": {"min": 16, "max": 256, "log": True, "int": True},
}


def sweep(**changes: Any) -> DAFSweepConfig:
    """A small grid, with changes."""
    data = {
        "name": "s",
        "policy_class_path": "stateless",
        "missions": ["assembler_1"],
        "search_space": GRID,
    }
    return DAFSweepConfig.parse(data | changes, "sweep.yaml")


def searched(
    config: DAFSweepConfig, objective: Callable[[dict], float | None]
) -> list[list[Outcome]]:
    """A whole search whose trials come to what a function says."""
    history: list[list[Outcome]] = []
    for number in range(len(sizes(config))):
        trials = next_round(config, history) if number else first_round(config)
        history.append([Outcome(trial, objective(trial.values)) for trial in trials])
    return history
