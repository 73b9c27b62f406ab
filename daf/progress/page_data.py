"""Data of the local page: downsampled learning curves by mission, and a table of all runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from daf.progress.training_curves import TrainingCurve, TrainingCurves
from daf.stats.downsampling import downsample_curve

MAX_POINTS = 40_000
"""Points of all curves together, which bounds the size of the data."""

NUM_COLORS = 8
"""Number of series colors in the style sheet."""

ALL_MISSIONS = "all missions"


def build_page_data(
    results_dir: str | Path, training_curves: TrainingCurves, time: float
) -> dict[str, Any]:
    """Build the data of the page as JSON-able plain data.

    Args:
        results_dir: results folder.
        training_curves: learning curves of all runs, and lines about damaged files.
        time: time of the data, in seconds since 1970.
    """
    curves = training_curves.curves
    # Few runs have a color each; the runs of many have that of their policy.
    color_key = "run" if len(curves) <= NUM_COLORS else "policy"
    colors = sorted({getattr(curve, color_key) for curve in curves})
    return {
        "results": Path(results_dir).resolve().name,
        "time": time,
        "legend": colors,
        "runs": [
            _build_run_row(curve, colors.index(getattr(curve, color_key))) for curve in curves
        ],
        "missions": _build_mission_charts(curves),
        "problems": training_curves.problems,
    }


def _build_run_row(curve: TrainingCurve, style_index: int) -> dict[str, Any]:
    """Return a row of the table of runs.

    Args:
        curve: learning curve of the run.
        style_index: index of the color of the curve.
    """
    is_empty = curve.curve.empty
    return {
        "run": curve.run,
        "policy": curve.policy,
        "training_seed": curve.training_seed,
        "missions": list(curve.missions),
        "steps": 0 if is_empty else int(curve.curve["steps"].iloc[-1]),
        "total_steps": curve.total_steps,
        "score": _last_finite_value(curve, "score"),
        "eval_score": _last_finite_value(curve, "eval_score"),
        "is_score_share": len(curve.missions) > 1,
        "is_running": curve.is_unfinished,
        "last_time": _last_finite_value(curve, "time"),
        "style": style_index,
    }


def _build_mission_charts(curves: Sequence[TrainingCurve]) -> list[dict[str, Any]]:
    """Return one chart per mission, with the curves of all runs that have scores of it."""
    columns_by_run = [_find_score_column_by_mission(curve) for curve in curves]
    num_curves = sum(map(len, columns_by_run))
    max_points = int(np.clip(MAX_POINTS / max(num_curves, 1), 20, 200))
    charts: dict[str, dict[str, Any]] = {}
    for number, (curve, columns) in enumerate(zip(curves, columns_by_run)):
        for mission, column in columns.items():
            chart = charts.setdefault(mission, {"name": mission, "ceiling": None, "curves": []})
            ceilings = [chart["ceiling"], curve.ceilings.get(mission)]
            chart["ceiling"] = max((c for c in ceilings if c is not None), default=None)
            chart["curves"].append(
                {
                    "run": number,
                    **_encode_points("", curve, column, max_points),
                    **_encode_points("eval_", curve, f"eval_{column}", max_points),
                }
            )
    return [charts[name] for name in sorted(charts)]


def _find_score_column_by_mission(curve: TrainingCurve) -> Mapping[str, str]:
    """Return the columns with scores by mission."""
    prefix = "score/"
    names = [str(name) for name in curve.curve.columns if str(name).startswith(prefix)]
    if names:
        return {name.removeprefix(prefix): name for name in names}
    return {ALL_MISSIONS: "score"} if "score" in curve.curve.columns else {}


def _encode_points(
    key_prefix: str, curve: TrainingCurve, column: str, max_points: int
) -> dict[str, list[float]]:
    """Return the downsampled steps and scores of the updates with a finite score."""
    steps, scores = np.empty(0), np.empty(0)
    if column in curve.curve.columns:
        scores = curve.curve[column].to_numpy(dtype=float)
        is_finite = np.isfinite(scores)
        steps = curve.curve["steps"].to_numpy(dtype=float)[is_finite]
        steps, scores = downsample_curve(steps, scores[is_finite], max_points)
    return {
        f"{key_prefix}steps": [round(step) for step in steps.tolist()],
        # Rounding makes the highest float64 infinite, which JSON has no number for.
        f"{key_prefix}scores": [
            float(f"{score:.5g}") for score in scores.clip(-1e300, 1e300).tolist()
        ],
    }


def _last_finite_value(curve: TrainingCurve, column: str) -> float | None:
    """Return the last finite value of a column; None without one."""
    if column not in curve.curve.columns:
        return None
    values = curve.curve[column].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    return float(values[-1]) if len(values) else None
