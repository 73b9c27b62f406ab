"""Learning curves: training metrics, downsampled and averaged over training seeds."""

import numpy as np
import pandas as pd
from scipy import special

from daf.report.learning_curve_chart import EvaluationPoint, LearningCurve
from daf.stats.downsampling import downsample_curve
from daf.stats.estimate import compute_error_term, t_interval

MAX_POINTS = 40_000
"""Points of all curves of a report together, which bounds the size of the file."""

MAX_EVALUATIONS = 50
"""Evaluations during training that a curve shows, evenly drawn from all."""

ALL_MISSIONS = "all missions"


def build_learning_curves_by_mission(
    metrics: pd.DataFrame, style_index_by_policy: dict[str, int], confidence: float = 0.95
) -> dict[str, list[LearningCurve]]:
    """Build the learning curves of each mission.

    Updates without a finished episode (NaN) are interpolated. Long runs are downsampled to the mean
    score of equal intervals of steps.

    Args:
        metrics: all metrics.parquet files with columns run, policy, training_seed added; may be
            empty.
        style_index_by_policy: color index of each policy, in the order of the curves.
        confidence: coverage of the intervals of evaluations during training.

    Returns:
        Curves by mission. The key "all missions" is there if the metrics have no score per
        mission, or evaluations on several missions.
    """
    columns = sorted(c for c in metrics.columns if c.startswith("score/")) or ["score"]
    if "eval_score" in metrics.columns and len(columns) > 1:
        columns.append("score")
    columns = [c for c in columns if c in metrics.columns and metrics[c].notna().any()]
    num_runs = metrics["run"].nunique() if columns else 0
    limit = int(np.clip(MAX_POINTS / max(num_runs * len(columns), 1), 20, 200))
    curves_by_mission = {}
    for column in columns:
        is_mean_of_missions = column == "score" and len(columns) > 1
        selected = _select_runs_on_several_missions(metrics) if is_mean_of_missions else metrics
        rows = selected.dropna(subset=[column]).sort_values(["run", "steps"])
        name = column.removeprefix("score/") if column != "score" else ALL_MISSIONS
        by_policy = dict(iter(rows.groupby("policy")))
        curves_by_mission[name] = [
            _build_learning_curve(
                policy,
                by_policy[policy],
                column,
                limit,
                style,
                _collect_evaluations(selected[selected["policy"] == policy], column, confidence),
            )
            for policy, style in style_index_by_policy.items()
            if policy in by_policy
        ]
    return curves_by_mission


def _select_runs_on_several_missions(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of runs on several missions, whose mean score is a share of the ceiling."""
    columns = [column for column in metrics.columns if column.startswith("score/")]
    has_scores = metrics[columns].notna().groupby(metrics["run"]).any()
    return metrics[metrics["run"].map(has_scores.sum(axis=1)) > 1]


def _build_learning_curve(
    policy_label: str,
    metrics: pd.DataFrame,
    score_column: str,
    max_points: int,
    style_index: int,
    evaluations: list[EvaluationPoint],
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
        min_over_seeds=values.min(axis=0).tolist(),
        max_over_seeds=values.max(axis=0).tolist(),
        steps_and_scores_per_seed=[(steps.tolist(), scores.tolist()) for steps, scores in seeds],
        style_index=style_index,
        evaluations=evaluations,
    )


def _collect_evaluations(
    metrics: pd.DataFrame, score_column: str, confidence: float
) -> list[EvaluationPoint]:
    """Return the evaluations of one policy during training.

    Args:
        metrics: metrics of all runs of the policy.
        score_column: "score", or "score/MISSION".
        confidence: coverage of the intervals.
    """
    column = f"eval_{score_column}"
    if column not in metrics.columns:
        return []
    rows = metrics.dropna(subset=[column])
    by_steps = [group for _, group in rows.groupby("steps", sort=True)]
    if len(by_steps) > MAX_EVALUATIONS:
        indices = np.linspace(0, len(by_steps) - 1, MAX_EVALUATIONS).round().astype(int)
        by_steps = [by_steps[index] for index in indices]
    return [_average_evaluations(group, column, confidence) for group in by_steps]


def _average_evaluations(
    rows: pd.DataFrame, eval_score_column: str, confidence: float
) -> EvaluationPoint:
    """Return the mean of one evaluation per seed, after equal numbers of agent-steps."""
    scores = rows[eval_score_column].to_numpy(dtype=float)
    steps, mean = float(rows["steps"].iloc[0]), float(scores.mean())
    if len(scores) > 1:
        interval = t_interval(mean, [compute_error_term(scores)], confidence)
        return EvaluationPoint(steps, mean, interval.low, interval.high)
    first = rows.iloc[0]
    # The standard error is that of the mean over all missions of the run.
    missions = first[[name for name in rows.columns if name.startswith("eval_score/")]].notna()
    is_known = eval_score_column == "eval_score" or missions.sum() == 1
    error = first.get("eval_standard_error", np.nan) if is_known else np.nan
    if pd.isna(error):
        return EvaluationPoint(steps, mean, None, None)
    half = float(special.ndtri((1 + confidence) / 2) * error)
    return EvaluationPoint(steps, mean, mean - half, mean + half)
