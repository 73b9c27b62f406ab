"""Milestones of a run, which follow from its learning curve: evaluations, best weights, stop."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from daf.config import TrainingConfig
from daf.missions import Mission


def all_eval_columns(missions: tuple[Mission, ...]) -> list[str]:
    """Return the columns that evaluations during training add to a learning curve."""
    by_mission = [f"eval_score/{mission.name}" for mission in missions]
    return ["eval_score", *by_mission, "eval_standard_error"]


def is_multiple_crossed(interval: int | None, steps_before: int, steps_after: int) -> bool:
    """Return True if an update reaches or passes a multiple of an interval of agent-steps.

    Args:
        interval: agent-steps; None: never.
        steps_before: agent-steps before the update.
        steps_after: agent-steps after it.
    """
    return interval is not None and steps_after // interval > steps_before // interval


def find_best_row(curve: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the number of the first row with the highest `eval_score`; None without any."""
    scores = [row.get("eval_score", math.nan) for row in curve]
    evaluated = [number for number, score in enumerate(scores) if not math.isnan(score)]
    return max(evaluated, key=lambda number: (scores[number], -number), default=None)


def is_stopped_early(config: TrainingConfig, curve: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if the last evaluations of a learning curve end the run by `stop_when`."""
    rule = config.stop_when
    if rule is None:
        return False
    evaluated = (row["eval_score"] for row in reversed(curve) if not math.isnan(row["eval_score"]))
    last = list(itertools.islice(evaluated, rule.patience))
    return len(last) == rule.patience and min(last) >= rule.eval_score


def find_steps_of_best_or_last_weights(
    config: TrainingConfig, curve: Sequence[Mapping[str, Any]]
) -> int:
    """Return the agent-steps after which a completed run has its saved weights.

    Args:
        config: hyperparameters of the run.
        curve: rows of all updates, at least one.
    """
    best = find_best_row(curve) if config.keep_best else None
    return curve[-1 if best is None else best]["steps"]
