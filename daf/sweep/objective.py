"""Objectives of trials, from episode tables."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from daf.config import ConfigError, DAFSweepConfig
from daf.stats.estimate import HEARTS, SHARE, Ceilings
from daf.stats.normalization import OverallScale, choose_overall_scale
from daf.sweep.trials import Outcome, Trial, TrialRuns

SCORE = "score"
"""Metric whose values have the ceiling of their mission."""


@dataclass(frozen=True)
class Objective:
    """Quantity that a sweep optimizes: the mean of a metric, or of shares of the ceiling.

    Attributes:
        metric: column of the episode table.
        score_unit: `SHARE` or `HEARTS`; None for another metric than the score.
        ceilings: upper bound of the objective on each mission; None or absent if unknown.
        scale: scale of `SHARE`; None for values as they are.
    """

    metric: str
    score_unit: str | None
    ceilings: Ceilings
    scale: OverallScale | None

    @property
    def name(self) -> str:
        """Name of the values, for a person."""
        return SHARE if self.score_unit == SHARE else self.metric

    def measure_episodes(self, episodes: pd.DataFrame) -> pd.Series:
        """Return the value of each episode, whose mean is the objective."""
        values = episodes[self.metric].astype(float)
        return (
            values if self.scale is None else values / episodes["mission"].map(self.scale.divisors)
        )


def build_objective(
    sweep: DAFSweepConfig, mission_ceilings: Mapping[str, float | None]
) -> Objective:
    """Build the objective of a sweep.

    The objective `score` on several missions is the mean share of the ceiling, since a mean of
    hearts would depend almost only on the missions with a high ceiling. It is in hearts for a
    single mission, and if no mission has a ceiling.

    Args:
        sweep: configuration of the sweep.
        mission_ceilings: ceiling of each mission of the sweep; None or 0 without one.

    Raises:
        ConfigError: some missions have a ceiling and others have none; one line.
    """
    metric = sweep.objective_metric
    if metric != SCORE:
        return Objective(metric, None, {}, None)
    scale = choose_overall_scale(list(mission_ceilings), mission_ceilings)
    if len(mission_ceilings) < 2 or scale.score_unit == HEARTS:
        ceilings: Ceilings = {name: value or None for name, value in mission_ceilings.items()}
        return Objective(metric, HEARTS, ceilings, None)
    if scale.left_out:
        raise ConfigError(
            f"key 'missions': mission {scale.left_out[0]} has no ceiling above 0; expected a "
            "ceiling of every mission or of none, since the objective 'score' on several missions "
            "is the mean share of the ceiling"
        )
    return Objective(metric, SHARE, dict.fromkeys(scale.missions, scale.ceiling), scale)


def compute_outcomes(
    rounds: Sequence[Sequence[TrialRuns]], episodes: pd.DataFrame, objective: Objective
) -> list[list[Outcome]]:
    """Compute the outcome of every trial of some rounds.

    The objective is the mean over missions of the mean over runs of the mean over episodes. A trial
    failed if any of its runs or evaluations did, or if the metric of any episode is not finite.

    Args:
        rounds: trials of each round, from `SweepPlan.trial_runs_by_round`.
        episodes: episode tables of their successful evaluations, as one table.
        objective: objective of the sweep.
    """
    values = objective.measure_episodes(episodes)
    # pandas skips NaN in means, but not infinity: one invalid episode must fail its trial.
    values = values.where(np.isfinite(values), math.inf)
    by_evaluation = values.groupby([episodes["run"], episodes["mission"]])
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
        mean = float(objectives.get(index, math.nan))
        failed = entry["failed"] or not math.isfinite(mean)
        trial = Trial(entry["trial"], entry["values"])
        outcomes[index[0]].append(Outcome(trial, None if failed else mean))
    return outcomes


def _enumerate_trials(
    rounds: Sequence[Sequence[TrialRuns]],
) -> Iterator[tuple[tuple[int, int], TrialRuns]]:
    """Yield (round, index in the round) and entry of every trial."""
    for round_number, entries in enumerate(rounds):
        for trial_number, entry in enumerate(entries):
            yield (round_number, trial_number), entry
