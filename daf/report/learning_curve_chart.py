"""Chart of learning curves, with the evaluations during training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from daf.report.cells import format_score_in_unit
from daf.report.score_charts import WIDTH, format_axis_labels, style_css_classes
from daf.report.svg import (
    element,
    format_tick_labels,
    horizontal_grid,
    include_zero_if_near,
    line_element,
    linear_scale,
    padded_axis_with_nice_ticks,
    path_data,
    svg_image,
    text_element,
)


class EvaluationPoint(NamedTuple):
    """Evaluations of one policy during training, after the same number of agent-steps.

    Attributes:
        steps: agent-steps.
        mean: mean score over training seeds.
        low, high: ends of the interval over training seeds, or over the episodes of a single seed;
            None without one.
    """

    steps: float
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class LearningCurve:
    """Learning curve of one policy on one mission.

    Attributes:
        policy_label: label of the policy.
        steps: agent-steps of the mean, ascending; empty if no steps are common to all seeds.
        mean, low, high: mean, minimum and maximum score over training seeds, at each step.
        steps_and_scores_per_seed: (steps, scores) of each training seed.
        style_index: index of the color.
        evaluations: evaluations during training, in the order of their steps.
    """

    policy_label: str
    steps: list[float]
    mean: list[float]
    min_over_seeds: list[float]
    max_over_seeds: list[float]
    steps_and_scores_per_seed: list[tuple[list[float], list[float]]]
    style_index: int
    evaluations: Sequence[EvaluationPoint] = ()


def learning_curve_chart(
    curves: Sequence[LearningCurve], *, title: str, score_unit: str, ceiling: float | None = None
) -> Markup:
    """Return a chart of score against agent-steps: mean, each seed, and minimum to maximum.

    Rings with whiskers are the evaluations during training.

    Args:
        curves: at least one curve, each with at least one step.
        title: title of the text alternative.
        score_unit: unit of the scores, such as "hearts per episode".
        ceiling: proven upper bound, drawn as a line if it is near the data.
    """
    height, top, left, right = 290, 22, 56, WIDTH - 14
    floor = height - 50
    steps, scores = collect_steps_and_scores(curves)
    top_score = max(scores)
    if ceiling is not None and ceiling > 3 * top_score:
        ceiling = None
    elif ceiling is not None:
        top_score = max(top_score, ceiling)
    x_axis, y_axis = (
        padded_axis_with_nice_ticks(0, max(steps)),
        padded_axis_with_nice_ticks(*include_zero_if_near(min(scores), top_score)),
    )
    x = linear_scale(x_axis.low, x_axis.high, left, right)
    y = linear_scale(y_axis.low, y_axis.high, floor, top)
    parts = [horizontal_grid(y_axis, y, left, right, format_axis_labels(y_axis, score_unit))]
    for tick, label in zip(x_axis.ticks, format_tick_labels(x_axis.ticks), strict=True):
        parts.append(text_element(x(tick), floor + 18, label, "tick", "middle"))
    parts.append(text_element((left + right) / 2, height - 8, "agent-steps", "axis-name", "middle"))
    parts.append(text_element(4, top - 10, score_unit, "axis-name"))
    if ceiling is not None:
        parts.append(line_element(left, y(ceiling), right, y(ceiling), "ceiling"))
        name = f"ceiling {ceiling:g}"
        parts.append(text_element(right, y(ceiling) - 5, name, "ceiling-name", "end"))
    parts += [_learning_curve_element(curve, x, y) for curve in curves]
    final_means = "; ".join(
        f"{curve.policy_label} {format_score_in_unit(curve.mean[-1], score_unit)}"
        for curve in curves
        if curve.mean
    )
    return svg_image(
        WIDTH,
        height,
        title,
        f"{score_unit} against agent-steps; final mean: {final_means}.",
        *parts,
    )


def collect_steps_and_scores(curves: Sequence[LearningCurve]) -> tuple[list[float], list[float]]:
    """Return the agent-steps and the scores of all that a chart of learning curves shows."""
    steps = [
        step for curve in curves for line, _ in curve.steps_and_scores_per_seed for step in line
    ]
    scores = [y for curve in curves for _, line in curve.steps_and_scores_per_seed for y in line]
    points = [point for curve in curves for point in curve.evaluations]
    values = (value for point in points for value in point[1:])
    scores += [value for value in values if value is not None]
    return [*steps, *(point.steps for point in points)], scores


def _learning_curve_element(
    curve: LearningCurve, x_scale: Callable[[float], float], y_scale: Callable[[float], float]
) -> Markup:
    def to_pixel_points(steps: list[float], scores: list[float]) -> list[tuple[float, float]]:
        return [(x_scale(step), y_scale(score)) for step, score in zip(steps, scores, strict=True)]

    parts = [element("title", curve.policy_label)]
    mean = to_pixel_points(curve.steps, curve.mean)
    if len(curve.steps_and_scores_per_seed) > 1 and mean:
        band = (
            to_pixel_points(curve.steps, curve.max_over_seeds)
            + to_pixel_points(curve.steps, curve.min_over_seeds)[::-1]
        )
        parts.append(element("path", d=path_data(band, is_closed=True), class_="band"))
    if len(curve.steps_and_scores_per_seed) > 1:
        parts += [
            element("path", d=path_data(to_pixel_points(*seed)), class_="seed")
            for seed in curve.steps_and_scores_per_seed
        ]
    if mean:
        parts.append(element("path", d=path_data(mean), class_="mean"))
    if len(mean) == 1:
        parts.append(element("circle", cx=mean[0][0], cy=mean[0][1], r=3, class_="end"))
    for point in curve.evaluations:
        x = x_scale(point.steps)
        if point.low is not None and point.high is not None:
            whisker = [(x, y_scale(point.low)), (x, y_scale(point.high))]
            parts.append(element("path", d=path_data(whisker), class_="whisker"))
        parts.append(element("circle", cx=x, cy=y_scale(point.mean), r=3.5, class_="evaluation"))
    return element("g", *parts, class_=f"curve {style_css_classes(curve.style_index)}")
