"""What trials came to: the objective of each, from the episode tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.sweep.trials import Outcome, Trial


def outcomes(
    rounds: Sequence[Sequence[Mapping[str, Any]]], episodes: pd.DataFrame, metric: str
) -> list[list[Outcome]]:
    """What became of every trial of some rounds.

    The objective is the mean over missions of the mean over trainings of the mean over episodes. A
    trial of which any training or evaluation failed, or whose objective is not finite, failed.

    Args:
        rounds: as `Search.described` gives them.
        episodes: the tables of all their evaluations that succeeded.
        metric: the column that is the objective.
    """
    cells = episodes.groupby(["run", "mission"])[metric].mean().reset_index()
    trial_of = {run: number for number, entry in _entries(rounds) for run in entry["runs"]}
    of_missions = cells.groupby([cells["run"].map(trial_of), "mission"])[metric].mean()
    found = of_missions.groupby(level=0).mean().to_dict()

    def outcome(number: tuple[int, int], entry: Mapping[str, Any]) -> Outcome:
        value = float(found.get(number, math.nan))
        failed = entry["failed"] or not math.isfinite(value)
        return Outcome(Trial(entry["trial"], entry["values"]), None if failed else value)

    result: list[list[Outcome]] = [[] for _ in rounds]
    for number, entry in _entries(rounds):
        result[number[0]].append(outcome(number, entry))
    return result


def _entries(rounds: Sequence[Sequence[Mapping[str, Any]]]):
    """Every trial of every round, with its place."""
    for number, entries in enumerate(rounds):
        for place, entry in enumerate(entries):
            yield (number, place), entry
