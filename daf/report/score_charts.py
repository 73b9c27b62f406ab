"""Charts of scores: intervals per policy, performance profiles and learning curves.

Functions return SVG text. Colors are CSS classes, which adapt to the light and the dark theme.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from daf.report.svg import (
    CHARACTER_WIDTH,
    Axis,
    element,
    format_tick_labels,
    line_element,
    linear_scale,
    nice_axis,
    path_data,
    svg_image,
    text_element,
    truncate,
)
from daf.stats import format_score
from daf.stats.profiles import Profile

WIDTH = 420
NUM_COLORS = 8
"""Number of series colors in the style sheet; further series repeat them with dashed lines."""

LABEL_CHARACTERS = 20


class IntervalRow(NamedTuple):
    """One row of an interval chart.

    Attributes:
        label: label of the row, such as a policy.
        mean: value of the dot.
        low, high: ends of the whisker; None without one.
        is_best: true for the accent color.
    """

    label: str
    mean: float
    low: float | None
    high: float | None
    is_best: bool


def interval_chart(
    rows: Sequence[IntervalRow],
    *,
    title: str,
    unit: str,
    interval_description: str,
    ceiling: float | None = None,
) -> Markup:
    """Return a chart of means (dots) and intervals (whiskers), with one row per policy.

    Args:
        rows: rows from top to bottom; at least one.
        title: title of the text alternative.
        unit: unit of the axis, such as "hearts per episode".
        interval_description: description of the intervals, for the text alternative.
        ceiling: proven upper bound, drawn as a line if it is near the data.
    """
    row_height, top, bottom = 28, 22, 44
    height = top + row_height * len(rows) + bottom
    longest = max(len(truncate(row.label, LABEL_CHARACTERS)) for row in rows)
    left = 14 + 1.2 * CHARACTER_WIDTH * longest  # the best policy is bold, hence wider
    right = WIDTH - 54
    values = [value for row in rows for value in (row.mean, row.low, row.high)]
    low, high = (end(v for v in values if v is not None) for end in (min, max))
    if ceiling is not None and ceiling > 3 * high:
        ceiling = None
    scores = nice_axis(*_include_zero_if_near(low, high if ceiling is None else max(high, ceiling)))
    x = linear_scale(scores.low, scores.high, left, right)
    floor = top + row_height * len(rows)
    parts = [
        _vertical_grid(scores, x, top, floor),
        text_element((left + right) / 2, height - 6, unit, "axis-name", "middle"),
    ]
    if ceiling is not None:
        parts.append(line_element(x(ceiling), top, x(ceiling), floor, "ceiling"))
        parts.append(
            text_element(x(ceiling), top - 8, f"ceiling {ceiling:g}", "ceiling-name", "middle")
        )
    for index, row in enumerate(rows):
        y = top + row_height * (index + 0.5)
        parts.append(_interval_row_element(row, x, y, left, right))
    means = "; ".join(f"{row.label} {_format_estimate(row)}" for row in rows)
    return svg_image(
        WIDTH, height, title, f"Mean {unit} with {interval_description}: {means}.", *parts
    )


def _interval_row_element(
    row: IntervalRow, x_scale: Callable[[float], float], y: float, left: float, right: float
) -> Markup:
    parts = [element("title", f"{row.label}: {_format_estimate(row)}")]
    label = truncate(row.label, LABEL_CHARACTERS)
    parts.append(text_element(left - 10, y + 4, label, "label", "end"))
    if row.low is not None and row.high is not None:
        low, high = x_scale(row.low), x_scale(row.high)
        parts.append(line_element(low, y, high, y, "whisker"))
        parts += [line_element(edge, y - 4, edge, y + 4, "whisker") for edge in (low, high)]
    parts.append(element("circle", cx=x_scale(row.mean), cy=y, r=5, class_="dot"))
    parts.append(text_element(WIDTH - 4, y + 4, format_score(row.mean), "value", "end"))
    return element("g", *parts, class_="row best" if row.is_best else "row")


@dataclass(frozen=True)
class LearningCurve:
    """Learning curve of one policy on one mission.

    Attributes:
        policy_label: label of the policy.
        steps: agent-steps of the mean, ascending; empty if no steps are common to all seeds.
        mean, low, high: mean, minimum and maximum score over training seeds, at each step.
        seeds: (steps, scores) of each training seed.
        style: index of the color.
    """

    policy_label: str
    steps: list[float]
    mean: list[float]
    low: list[float]
    high: list[float]
    seeds: list[tuple[list[float], list[float]]]
    style: int


def learning_curve_chart(
    curves: Sequence[LearningCurve], *, title: str, score_unit: str, ceiling: float | None = None
) -> Markup:
    """Return a chart of score against agent-steps: mean, each seed, and minimum to maximum.

    Args:
        curves: at least one curve, each with at least one step.
        title: title of the text alternative.
        score_unit: unit of the scores, such as "hearts per episode".
        ceiling: proven upper bound, drawn as a line if it is near the data.
    """
    height, top, left, right = 290, 22, 56, WIDTH - 14
    floor = height - 50
    scores = [y for curve in curves for _, line in curve.seeds for y in line]
    steps = [step for curve in curves for line, _ in curve.seeds for step in line]
    top_score = max(scores)
    if ceiling is not None and ceiling > 3 * top_score:
        ceiling = None
    elif ceiling is not None:
        top_score = max(top_score, ceiling)
    x_axis, y_axis = (
        nice_axis(0, max(steps)),
        nice_axis(*_include_zero_if_near(min(scores), top_score)),
    )
    x = linear_scale(x_axis.low, x_axis.high, left, right)
    y = linear_scale(y_axis.low, y_axis.high, floor, top)
    parts = [_horizontal_grid(y_axis, y, left, right)]
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
        f"{curve.policy_label} {format_score(curve.mean[-1])}" for curve in curves if curve.mean
    )
    return svg_image(
        WIDTH,
        height,
        title,
        f"{score_unit} against agent-steps; final mean: {final_means}.",
        *parts,
    )


def performance_profile_chart(
    profile: Profile, style_index_by_policy: Mapping[str, int], *, title: str, score_unit: str
) -> Markup:
    """Return a chart of performance profiles: fraction of episodes with a minimum score.

    Args:
        profile: result of `daf.stats.profiles.compute_performance_profiles`.
        style_index_by_policy: color index of each policy.
        title: title of the text alternative.
        score_unit: name of the x axis, such as "hearts per episode".
    """
    height, top, left, right = 290, 22, 56, WIDTH - 14
    floor = height - 50
    thresholds = profile["thresholds"]
    x_axis, y_axis = (
        nice_axis(thresholds[0], thresholds[-1]),
        Axis(0.0, 1.0, [0, 0.25, 0.5, 0.75, 1]),
    )
    x = linear_scale(x_axis.low, x_axis.high, left, right)
    y = linear_scale(0.0, 1.0, floor, top)
    parts = [_horizontal_grid(y_axis, y, left, right)]
    for tick, label in zip(x_axis.ticks, format_tick_labels(x_axis.ticks), strict=True):
        parts.append(text_element(x(tick), floor + 18, label, "tick", "middle"))
    parts.append(
        text_element(
            (left + right) / 2, height - 8, f"minimum score ({score_unit})", "axis-name", "middle"
        )
    )
    parts.append(text_element(4, top - 10, "fraction of episodes", "axis-name"))
    middle = len(thresholds) // 2
    texts = []
    for curve in profile["curves"]:
        elements = [element("title", curve["policy"])]
        if curve["low"][0] is not None:
            points = [*zip(thresholds, curve["high"]), *[*zip(thresholds, curve["low"])][::-1]]
            band = path_data([(x(score), y(share)) for score, share in points], is_closed=True)
            elements.append(element("path", d=band, class_="band"))
        line = path_data([(x(score), y(s)) for score, s in zip(thresholds, curve["share"])])
        elements.append(element("path", d=line, class_="mean"))
        parts.append(
            element(
                "g",
                *elements,
                class_=f"curve {style_css_classes(style_index_by_policy[curve['policy']])}",
            )
        )
        texts.append(f"{curve['policy']} {100 * curve['share'][middle]:.0f} %")
    summary = f"at least {format_score(thresholds[middle])}: {'; '.join(texts)}"
    return svg_image(
        WIDTH, height, title, f"Fraction of episodes with {score_unit} of {summary}.", *parts
    )


def style_css_classes(style_index: int) -> str:
    """Return the CSS classes of a series: a color and, from the 9th series on, a dashed line."""
    dashed = " dashed" if style_index >= NUM_COLORS else ""
    return f"s{style_index % NUM_COLORS}{dashed}"


def _learning_curve_element(
    curve: LearningCurve, x_scale: Callable[[float], float], y_scale: Callable[[float], float]
) -> Markup:
    def points(steps: list[float], scores: list[float]) -> list[tuple[float, float]]:
        return [(x_scale(step), y_scale(score)) for step, score in zip(steps, scores, strict=True)]

    parts = [element("title", curve.policy_label)]
    mean = points(curve.steps, curve.mean)
    if len(curve.seeds) > 1 and mean:
        band = points(curve.steps, curve.high) + points(curve.steps, curve.low)[::-1]
        parts.append(element("path", d=path_data(band, is_closed=True), class_="band"))
    if len(curve.seeds) > 1:
        parts += [
            element("path", d=path_data(points(*seed)), class_="seed") for seed in curve.seeds
        ]
    if mean:
        parts.append(element("path", d=path_data(mean), class_="mean"))
    if len(mean) == 1:
        parts.append(element("circle", cx=mean[0][0], cy=mean[0][1], r=3, class_="end"))
    return element("g", *parts, class_=f"curve {style_css_classes(curve.style)}")


def _include_zero_if_near(low: float, high: float) -> tuple[float, float]:
    """Extend a range to 0, unless all data are far from 0."""
    return (min(low, 0.0), max(high, 0.0)) if low < 0.5 * high or high <= 0 else (low, high)


def _format_estimate(row: IntervalRow) -> str:
    interval = "no interval"
    if row.low is not None and row.high is not None:
        interval = f"{format_score(row.low)} to {format_score(row.high)}"
    return f"{format_score(row.mean)} ({interval})"


def _vertical_grid(
    axis: Axis, x_scale: Callable[[float], float], top: float, bottom: float
) -> Markup:
    parts = [line_element(x_scale(tick), top, x_scale(tick), bottom, "grid") for tick in axis.ticks]
    labels = zip(axis.ticks, format_tick_labels(axis.ticks), strict=True)
    parts += [
        text_element(x_scale(tick), bottom + 18, label, "tick", "middle") for tick, label in labels
    ]
    return element("g", *parts)


def _horizontal_grid(
    axis: Axis, y_scale: Callable[[float], float], left: float, right: float
) -> Markup:
    parts = [line_element(left, y_scale(tick), right, y_scale(tick), "grid") for tick in axis.ticks]
    labels = zip(axis.ticks, format_tick_labels(axis.ticks), strict=True)
    parts += [
        text_element(left - 8, y_scale(tick) + 4, label, "tick", "end") for tick, label in labels
    ]
    return element("g", *parts)
