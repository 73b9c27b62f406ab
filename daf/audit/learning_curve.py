"""Consistency of a learning curve with the configuration of its run, without training."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from daf.learn.curriculum import CurriculumStage, build_curriculum, compute_learning_rate
from daf.learn.milestones import all_eval_columns, is_stopped_early
from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.missions.score_shares import multi_mission_share_divisors, select_divisors
from daf.plan import Run

BOUNDS = {
    "explained_variance": (-math.inf, 1.0),
    "value_loss": (0.0, math.inf),
    "entropy": (0.0, math.inf),
    "clip_fraction": (0.0, 1.0),
    "gradient_norm": (0.0, math.inf),
}
"""Range of a column; other columns are unbounded."""

ROUNDING = 1e-5
"""Tolerance of the bounds: rounding error of float32 sums in entropy and explained variance."""


def find_curve_mismatch(curve: pd.DataFrame, run: Run) -> str | None:
    """Return the first value of a learning curve that its run cannot have produced.

    Args:
        curve: content of metrics.parquet.
        run: configuration and training seed of the run.

    Returns:
        The mismatch in words; None without one.
    """
    from daf.learn.ppo import list_recorded_metrics  # lazy: imports torch

    metrics = list_recorded_metrics(run.training)
    curriculum, num_rows = build_curriculum(run), len(curve)
    num_updates = curriculum[-1].end_update
    may_stop_early = run.training.stop_when is not None and 0 < num_rows < num_updates
    if not isinstance(curve.index, pd.RangeIndex) or not (
        num_rows == num_updates or may_stop_early
    ):
        return f"number of rows: got {num_rows}; its run has {num_updates} updates"
    curriculum = [stage for stage in curriculum if stage.first_update < num_rows]
    scores = _total_and_mission_score_columns(curriculum)
    names = ["update", "steps", "learning_rate", *scores, "reward", "explained_variance", *metrics]
    if run.training.evaluate_every:
        names += all_eval_columns(run.missions)
    if sorted(curve.columns) != sorted(names):
        differing = sorted(set(curve.columns) ^ set(names)) or ["duplicate columns"]
        return f"columns differ from those of its run ({differing[0]})"
    dtypes = {name: "int64" if name in ("update", "steps") else "float64" for name in names}
    for name, dtype in dtypes.items():
        if curve[name].dtype != dtype:
            return f"column '{name}': got {curve[name].dtype}; expected {dtype}"
    return (
        _find_schedule_mismatch(curve, run, curriculum)
        or _find_evaluation_mismatch(curve, run, is_complete=num_rows == num_updates)
        or _find_bounds_mismatch(curve, metrics)
        or _find_invalid_score(curve, curriculum)
    )


def _total_and_mission_score_columns(curriculum: list[CurriculumStage]) -> list[str]:
    missions = [mission.name for stage in curriculum for mission in stage.missions]
    return ["score", *dict.fromkeys(f"score/{mission}" for mission in missions)]


def _find_schedule_mismatch(
    curve: pd.DataFrame, run: Run, curriculum: list[CurriculumStage]
) -> str | None:
    """Check update numbers, agent-steps and learning rates, which follow from the configuration."""
    updates = range(len(curve))
    stages = [next(stage for stage in curriculum if n < stage.end_update) for n in updates]
    steps = [stage.count_agent_steps_of_run(number + 1) for number, stage in zip(updates, stages)]
    rates = [compute_learning_rate(run.training, curriculum, done) for done in [0, *steps[:-1]]]
    for name, expected in {"update": updates, "steps": steps, "learning_rate": rates}.items():
        differ = curve[name].to_numpy() != np.array(expected)
        if differ.any():
            row = int(differ.argmax())
            return f"row {row}, column '{name}': got {curve[name][row]}; expected {expected[row]}"
    return None


def _find_evaluation_mismatch(curve: pd.DataFrame, run: Run, is_complete: bool) -> str | None:
    """Check evaluations during training: their updates, their range, and the early stop.

    Args:
        curve: rows of all updates, with the expected columns.
        run: configuration of the run.
        is_complete: true if the curve has all updates of a run without an early stop.
    """
    config = run.training
    if not config.evaluate_every:
        return None
    steps = curve["steps"].to_numpy()
    is_due = steps // config.evaluate_every > np.concatenate([[0], steps[:-1]]) // (
        config.evaluate_every
    )
    ceilings = {
        f"eval_score/{mission.name}": choose_declared_or_proven_ceiling(mission)
        for mission in run.missions
    }
    for name in all_eval_columns(run.missions):
        if (differ := curve[name].notna().to_numpy() != is_due).any():
            expected = "a value" if is_due[differ.argmax()] else "no value"
            return f"row {int(differ.argmax())}, column '{name}': expected {expected}"
        ceiling = ceilings.get(name)
        values, highest = curve[name].dropna(), math.inf if ceiling is None else ceiling
        invalid = ~np.isfinite(values) | (values < 0) | (values > highest)
        if invalid.any():
            return f"column '{name}': got {values[invalid].iloc[0]}; expected 0 to {highest:g}"
    scores, divisors = curve[list(ceilings)], multi_mission_share_divisors(run.missions)
    if divisors is not None:
        scores = scores / select_divisors(divisors, divisors)
    mean = scores.mean(axis=1)
    if ((mean - curve["eval_score"]).abs() > ROUNDING * (1 + mean)).any():
        return "column 'eval_score': is not a mean of the scores of its missions"
    evaluations = curve[is_due].to_dict("records")
    ends = [n for n in range(1, len(evaluations) + 1) if is_stopped_early(config, evaluations[:n])]
    stops_at_last_row = ends == [len(evaluations)] and bool(is_due[-1])
    if (ends != [] and not stops_at_last_row) or (ends == [] and not is_complete):
        return f"number of rows: got {len(curve)}; its run stops at another update"
    return None


def _find_bounds_mismatch(curve: pd.DataFrame, metric_names: Sequence[str]) -> str | None:
    """Check that losses and rewards are finite and within their bounds."""
    for name in ("reward", "explained_variance", *metric_names):
        column = curve[name].to_numpy()
        low, high = BOUNDS.get(name, (-math.inf, math.inf))
        values = column[~np.isnan(column)] if name == "explained_variance" else column
        invalid = ~np.isfinite(values) | (values < low - ROUNDING) | (values > high + ROUNDING)
        if invalid.any():
            return f"column '{name}': got {values[invalid][0]}; expected {low:g} to {high:g}"
    return None


def _find_invalid_score(curve: pd.DataFrame, curriculum: list[CurriculumStage]) -> str | None:
    """Check that scores are between 0 and the ceiling, and that the total score is a mean."""
    for stage in curriculum:
        rows = curve.iloc[stage.first_update : stage.end_update]
        missions = {f"score/{mission.name}": mission for mission in stage.missions}
        for name in _total_and_mission_score_columns(curriculum)[1:]:
            scores = rows[name].dropna()
            if len(scores) and name not in missions:
                return f"column '{name}': has scores in updates on other missions"
            ceiling = (
                choose_declared_or_proven_ceiling(missions[name]) if name in missions else None
            )
            highest = math.inf if ceiling is None else ceiling
            invalid = ~np.isfinite(scores) | (scores < 0) | (scores > highest)
            if invalid.any():
                value = scores[invalid].iloc[0]
                return f"column '{name}': got {value}; expected 0 to {highest:g} (ceiling)"
        by_mission, mean = rows[list(missions)], rows["score"]
        low, high = by_mission.min(axis=1), by_mission.max(axis=1)
        if stage.share_divisors is not None:
            low = high = (by_mission / stage.share_divisors).mean(axis=1)
        slack = ROUNDING * (1 + high.abs())
        invalid = (mean.isna() != low.isna()) | (mean < low - slack) | (mean > high + slack)
        if invalid.any():
            row = stage.first_update + int(invalid.to_numpy().argmax())
            return f"row {row}, column 'score': is not a mean of the scores of its missions"
    return None
