"""Consistency of a learning curve with its training: all that can be told without training."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from daf.learn.curriculum import CurriculumStage, build_curriculum, learning_rate
from daf.missions.ceiling import resolve_ceiling
from daf.plan import Run

BOUNDS = {
    "explained_variance": (-math.inf, 1.0),
    "value_loss": (0.0, math.inf),
    "entropy": (0.0, math.inf),
    "clip_fraction": (0.0, 1.0),
    "gradient_norm": (0.0, math.inf),
}
"""What a column can be; all others are free."""

ROUNDING = 1e-5
"""Of sums of float32; entropy and shares of variance may exceed their bounds by it."""


def curve_contradiction(curve: pd.DataFrame, run: Run) -> str | None:
    """Find what a learning curve cannot be.

    Args:
        curve: the content of metrics.parquet.
        run: the training.

    Returns:
        the first contradiction in words; None if there is none.
    """
    from daf.learn.ppo import METRICS  # torch, only where it is needed

    curriculum = build_curriculum(run)
    scores = _score_columns(curriculum)
    names = ["update", "steps", "learning_rate", *scores, "reward", "explained_variance", *METRICS]
    if sorted(curve.columns) != sorted(names):
        odd = sorted(set(curve.columns) ^ set(names)) or ["one of them twice"]
        return f"has other columns than its training gives ({odd[0]})"
    if not isinstance(curve.index, pd.RangeIndex) or len(curve) != curriculum[-1].end_update:
        return f"has {len(curve)} rows, but its training has {curriculum[-1].end_update} updates"
    kinds = {name: "int64" if name in ("update", "steps") else "float64" for name in names}
    for name, kind in kinds.items():
        if curve[name].dtype != kind:
            return f"column '{name}' holds {curve[name].dtype} instead of {kind}"
    return (
        _schedule(curve, run, curriculum) or _values(curve, METRICS) or _scores(curve, curriculum)
    )


def _score_columns(curriculum: list[CurriculumStage]) -> list[str]:
    missions = [mission.name for lesson in lessons for mission in lesson.missions]
    return ["score", *dict.fromkeys(f"score/{mission}" for mission in missions)]


def _schedule(curve: pd.DataFrame, run: Run, curriculum: list[CurriculumStage]) -> str | None:
    """Update numbers, agent-steps and learning rates follow from the configuration."""
    numbers = range(curriculum[-1].end_update)
    of = [next(lesson for lesson in curriculum if number < lesson.end_update) for number in numbers]
    steps = [lesson.steps_after(number + 1) for number, lesson in zip(numbers, of)]
    rates = [learning_rate(run.training, curriculum, before) for before in [0, *steps[:-1]]]
    for name, expected in {"update": numbers, "steps": steps, "learning_rate": rates}.items():
        differ = curve[name].to_numpy() != np.array(expected)
        if differ.any():
            row = int(differ.argmax())
            return f"row {row}, column '{name}' is {curve[name][row]}; it follows {expected[row]}"
    return None


def _values(curve: pd.DataFrame, metrics: Sequence[str]) -> str | None:
    """Losses and rewards are finite and within their bounds."""
    for name in ("reward", "explained_variance", *metrics):
        values = curve[name].to_numpy()
        low, high = BOUNDS.get(name, (-math.inf, math.inf))
        known = values[~np.isnan(values)] if name == "explained_variance" else values
        wrong = ~np.isfinite(known) | (known < low - ROUNDING) | (known > high + ROUNDING)
        if wrong.any():
            return f"column '{name}' has {known[wrong][0]}, which cannot be"
    return None


def _scores(curve: pd.DataFrame, curriculum: list[CurriculumStage]) -> str | None:
    """A score is a mean of whole hearts, no higher than the ceiling; the score of all missions lies
    between those of the missions that are trained on."""
    for lesson in curriculum:
        rows = curve.iloc[lesson.first_update : lesson.end_update]
        missions = {f"score/{mission.name}": mission for mission in lesson.missions}
        for name in _score_columns(curriculum)[1:]:
            found = rows[name].dropna()
            if len(found) and name not in missions:
                return f"column '{name}' has scores of updates that were on other missions"
            bound = resolve_ceiling(missions[name]) if name in missions else None
            highest = math.inf if bound is None else bound
            wrong = ~np.isfinite(found) | (found < 0) | (found > highest)
            if wrong.any():
                return f"column '{name}' has {found[wrong].iloc[0]}; the ceiling is {highest:g}"
        each, mean = rows[list(missions)], rows["score"]
        low, high = each.min(axis=1), each.max(axis=1)
        slack = ROUNDING * (1 + high.abs())
        wrong = (mean.isna() != low.isna()) | (mean < low - slack) | (mean > high + slack)
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            return f"row {row + lesson.first_update}, column 'score' is no mean of its missions' scores"
    return None
