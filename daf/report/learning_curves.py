"""Learning curves: training metrics, downsampled and averaged over training seeds."""

import numpy as np
import pandas as pd

from daf.report.score_charts import LearningCurve

MAX_POINTS = 40_000
"""Points of all curves of a report together, which bounds the size of the file."""


def build_learning_curves_by_mission(
    metrics: pd.DataFrame, style_index_by_policy: dict[str, int]
) -> dict[str, list[LearningCurve]]:
    """Build the learning curves of each mission.

    Updates without a finished episode (NaN) are interpolated. Long runs are downsampled to the mean
    score of equal intervals of steps.

    Args:
        metrics: all metrics.parquet files with columns run, policy, training_seed added; may be
            empty.
        style_index_by_policy: color index of each policy, in the order of the curves.

    Returns:
        Curves by mission; the key is "all missions" if the metrics have no score per mission.
    """
    columns = sorted(c for c in metrics.columns if c.startswith("score/")) or ["score"]
    columns = [c for c in columns if c in metrics.columns and metrics[c].notna().any()]
    num_runs = metrics["run"].nunique() if columns else 0
    limit = int(np.clip(MAX_POINTS / max(num_runs * len(columns), 1), 20, 200))
    curves_by_mission = {}
    for column in columns:
        rows = metrics.dropna(subset=[column]).sort_values(["run", "steps"])
        name = column.removeprefix("score/") if column != "score" else "all missions"
        by_policy = dict(iter(rows.groupby("policy")))
        curves_by_mission[name] = [
            _build_learning_curve(policy, by_policy[policy], column, limit, style)
            for policy, style in style_index_by_policy.items()
            if policy in by_policy
        ]
    return curves_by_mission


def _build_learning_curve(
    policy_label: str, metrics: pd.DataFrame, score_column: str, max_points: int, style_index: int
) -> LearningCurve:
    seeds = []
    for _, run in metrics.groupby("run"):
        steps = run["steps"].to_numpy(dtype=float)
        seeds.append(downsample_curve(steps, run[score_column].to_numpy(dtype=float), max_points))
    # The mean over seeds covers the steps that all seeds have.
    first, last = max(s[0] for s, _ in seeds), min(s[-1] for s, _ in seeds)
    grid = np.unique(np.concatenate([steps for steps, _ in seeds]))
    grid = grid[(grid >= first) & (grid <= last)]
    if len(grid) > max_points:
        grid = np.linspace(first, last, max_points)
    values = np.array([np.interp(grid, steps, scores) for steps, scores in seeds])
    return LearningCurve(
        policy_label=policy_label,
        steps=grid.tolist(),
        mean=values.mean(axis=0).tolist(),
        low=values.min(axis=0).tolist(),
        high=values.max(axis=0).tolist(),
        seeds=[(steps.tolist(), scores.tolist()) for steps, scores in seeds],
        style=style_index,
    )


def downsample_curve(
    steps: np.ndarray, scores: np.ndarray, max_points: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `max_points` points: the mean step and score of equal intervals of steps.

    Args:
        steps: float64 [points], ascending.
        scores: float64 [points], without NaN.
        max_points: maximum number of points, at least 1.
    """
    if len(steps) <= max_points:
        return steps, scores
    edges = np.linspace(steps[0], steps[-1], max_points + 1)[1:-1]
    bins = np.searchsorted(edges, steps, side="right")
    count = np.bincount(bins)
    is_used = count > 0
    mean_steps = np.bincount(bins, weights=steps)[is_used] / count[is_used]
    mean_scores = np.bincount(bins, weights=scores)[is_used] / count[is_used]
    return mean_steps, mean_scores
