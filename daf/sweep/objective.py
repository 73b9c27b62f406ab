"""Objectives of trials, from episode tables."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from daf.sweep.trials import Outcome, Trial, TrialRuns


def compute_outcomes(
    rounds: Sequence[Sequence[TrialRuns]], episodes: pd.DataFrame, metric_name: str
) -> list[list[Outcome]]:
    """Compute the outcome of every trial of some rounds.

    The objective is the mean over missions of the mean over runs of the mean over episodes. A trial
    failed if any of its runs or evaluations did, or if the metric of any episode is not finite.

    Args:
        rounds: trials of each round, from `SweepState.trial_runs_by_round`.
        episodes: episode tables of their successful evaluations, as one table.
        metric_name: column of the objective.
    """
    metric_values = episodes[metric_name].astype(float)
    # pandas skips NaN in means, but not infinity: one invalid episode must fail its trial.
    metric_values = metric_values.where(np.isfinite(metric_values), math.inf)
    by_evaluation = metric_values.groupby([episodes["run"], episodes["mission"]])
    evaluations = by_evaluation.mean().rename("mean")
    runs = pd.DataFrame(
        [(*index, run) for index, entry in _enumerate_trials(rounds) for run in entry["runs"]],
        columns=["round", "trial", "run"],
    )
    # Two rungs of halving can have equal steps, and then the same runs.
    evaluations = evaluations.reset_index().merge(runs, on="run")
    by_mission = evaluations.groupby(["round", "trial", "mission"])["mean"].mean()
    objectives = by_mission.groupby(["round", "trial"]).mean().to_dict()

    outcomes: list[list[Outcome]] = [[] for _ in rounds]
    for index, entry in _enumerate_trials(rounds):
        objective = float(objectives.get(index, math.nan))
        failed = entry["failed"] or not math.isfinite(objective)
        trial = Trial(entry["trial"], entry["values"])
        outcomes[index[0]].append(Outcome(trial, None if failed else objective))
    return outcomes


def _enumerate_trials(
    rounds: Sequence[Sequence[TrialRuns]],
) -> Iterator[tuple[tuple[int, int], TrialRuns]]:
    """Yield (round, index in the round) and entry of every trial."""
    for round_number, entries in enumerate(rounds):
        for trial_number, entry in enumerate(entries):
            yield (round_number, trial_number), entry
