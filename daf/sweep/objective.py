"""What trials came to: the objective of each, from the episode tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from daf.sweep.trials import Outcome, Trial


def outcomes(
    rounds: Sequence[Sequence[Mapping[str, Any]]], episodes: pd.DataFrame, metric: str
) -> list[list[Outcome]]:
    """What became of every trial of some rounds.

    The objective is the mean over missions of the mean over trainings of the mean over episodes. A
    trial failed if any of its trainings or evaluations did, or if the metric of any episode is not
    finite.

    Args:
        rounds: as `SweepState.described` gives them.
        episodes: the tables of all their evaluations that succeeded.
        metric: the column that is the objective.
    """
    measure = episodes[metric].astype(float)
    # Means skip NaN, but not infinity: one episode without a value fails its trial.
    measure = measure.where(np.isfinite(measure), math.inf)
    cells = measure.groupby([episodes["run"], episodes["mission"]]).mean().rename("mean")
    runs = pd.DataFrame(
        [(*number, run) for number, entry in _entries(rounds) for run in entry["runs"]],
        columns=["round", "place", "run"],
    )
    # Two short rungs of halving can have as many steps, hence the same runs.
    of_trials = cells.reset_index().merge(runs, on="run")
    of_missions = of_trials.groupby(["round", "place", "mission"])["mean"].mean()
    found = of_missions.groupby(["round", "place"]).mean().to_dict()

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
