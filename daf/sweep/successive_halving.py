"""Successive halving: the rungs have ever fewer trials with ever more training steps.

The first rung has all trials; the best 1 / eta of each rung continue, until they have all steps
(Karnin, Koren and Somekh 2013; Jamieson and Talwalkar 2016).
"""

import math
from collections.abc import Sequence

from daf.config import DAFSweepConfig
from daf.sweep.trials import Outcome, Trial, build_base_training, round_for_comparison

DEFAULT_ETA = 3.0
MAX_RUNGS = 10_000


def num_trials_by_rung(sweep: DAFSweepConfig, num_first_rung_trials: int) -> list[int]:
    """Return the number of trials of each rung.

    Args:
        sweep: configuration of the sweep.
        num_first_rung_trials: number of trials of the first rung.
    """
    sizes = [num_first_rung_trials]
    while sizes[-1] > 1 and len(sizes) < (sweep.rungs or MAX_RUNGS):
        sizes.append(_num_survivors(sweep, sizes[-1]))
    return sizes


def total_steps_per_run_by_rung(sweep: DAFSweepConfig, num_rungs: int) -> list[int]:
    """Return the agent-steps of the runs of each rung; the last one has all steps."""
    steps, last = build_base_training(sweep).steps, num_rungs - 1
    eta = sweep.eta or DEFAULT_ETA
    return [max(1, math.ceil(steps / eta ** (last - rung))) for rung in range(num_rungs)]


def select_survivors(sweep: DAFSweepConfig, outcomes: Sequence[Outcome]) -> list[Trial]:
    """Return the best 1 / eta of the trials of a rung, the best first; they continue."""
    ranked = _rank_successful_outcomes(sweep, outcomes)
    return [outcome.trial for outcome in ranked[: _num_survivors(sweep, len(outcomes))]]


def _num_survivors(sweep: DAFSweepConfig, num_trials: int) -> int:
    return max(1, math.floor(num_trials / (sweep.eta or DEFAULT_ETA)))


def _rank_successful_outcomes(sweep: DAFSweepConfig, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the successful outcomes, the best first; ties are sorted by name."""
    sign = 1 if sweep.optimize_direction == "minimize" else -1
    ranked = [
        (sign * round_for_comparison(outcome.objective), outcome.trial.name, outcome)
        for outcome in outcomes
        if outcome.objective is not None
    ]
    ranked.sort(key=lambda item: item[:2])
    return [outcome for _, _, outcome in ranked]
