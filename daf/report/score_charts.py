"""Charts of scores: intervals per policy, and performance profiles.

Functions return SVG text. Colors are CSS classes, which adapt to the light and the dark theme.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from daf.report.cells import format_interval_or_placeholder, format_score_in_unit
from daf.report.svg import (
    CHARACTER_WIDTH,
    Axis,
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
    truncate,
    vertical_grid,
)
from daf.stats.estimate import SHARE
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
    right = WIDTH - (64 if unit == SHARE else 54)
    values = [value for row in rows for value in (row.mean, row.low, row.high)]
    low, high = (end(v for v in values if v is not None) for end in (min, max))
    if ceiling is not None and ceiling > 3 * high:
        ceiling = None
    scores = padded_axis_with_nice_ticks(
        *include_zero_if_near(low, high if ceiling is None else max(high, ceiling))
    )
    x = linear_scale(scores.low, scores.high, left, right)
    floor = top + row_height * len(rows)
    parts = [
        vertical_grid(scores, x, top, floor, format_axis_labels(scores, unit)),
        text_element((left + right) / 2, height - 6, unit, "axis-name", "middle"),
    ]
    if ceiling is not None:
        parts.append(line_element(x(ceiling), top, x(ceiling), floor, "ceiling"))
        parts.append(
            text_element(
                x(ceiling), top - 8, format_ceiling_label(ceiling, unit), "ceiling-name", "middle"
            )
        )
    for index, row in enumerate(rows):
        y = top + row_height * (index + 0.5)
        parts.append(_interval_row_element(row, unit, x, y, left))
    means = "; ".join(f"{row.label} {_format_estimate(row, unit)}" for row in rows)
    return svg_image(
        WIDTH, height, title, f"Mean {unit} with {interval_description}: {means}.", *parts
    )


def _interval_row_element(
    row: IntervalRow, unit: str, x_scale: Callable[[float], float], y: float, left: float
) -> Markup:
    parts = [element("title", f"{row.label}: {_format_estimate(row, unit)}")]
    label = truncate(row.label, LABEL_CHARACTERS)
    parts.append(text_element(left - 10, y + 4, label, "label", "end"))
    if row.low is not None and row.high is not None:
        low, high = x_scale(row.low), x_scale(row.high)
        parts.append(line_element(low, y, high, y, "whisker"))
        parts += [line_element(edge, y - 4, edge, y + 4, "whisker") for edge in (low, high)]
    parts.append(element("circle", cx=x_scale(row.mean), cy=y, r=5, class_="dot"))
    parts.append(
        text_element(WIDTH - 4, y + 4, format_score_in_unit(row.mean, unit), "value", "end")
    )
    return element("g", *parts, class_="row best" if row.is_best else "row")


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
        padded_axis_with_nice_ticks(thresholds[0], thresholds[-1]),
        Axis(0.0, 1.0, [0, 0.25, 0.5, 0.75, 1]),
    )
    x = linear_scale(x_axis.low, x_axis.high, left, right)
    y = linear_scale(0.0, 1.0, floor, top)
    parts = [horizontal_grid(y_axis, y, left, right)]
    for tick, label in zip(x_axis.ticks, format_axis_labels(x_axis, score_unit), strict=True):
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
    middle_score = format_score_in_unit(thresholds[middle], score_unit)
    summary = f"at least {middle_score}: {'; '.join(texts)}"
    return svg_image(
        WIDTH, height, title, f"Fraction of episodes with {score_unit} of {summary}.", *parts
    )


def style_css_classes(style_index: int) -> str:
    """Return the CSS classes of a series: a color and, from the 9th series on, a dashed line."""
    dashed = " dashed" if style_index >= NUM_COLORS else ""
    return f"s{style_index % NUM_COLORS}{dashed}"


def format_axis_labels(axis: Axis, score_unit: str) -> list[str]:
    """Return the labels of the ticks of an axis; shares of the ceiling are percentages."""
    if score_unit != SHARE:
        return format_tick_labels(axis.ticks)
    return [f"{label} %" for label in format_tick_labels([100 * tick for tick in axis.ticks])]


def format_ceiling_label(ceiling: float, score_unit: str) -> str:
    """Return the label of the line of the ceiling."""
    return "ceiling 100 %" if score_unit == SHARE else f"ceiling {ceiling:g}"


def _format_estimate(row: IntervalRow, unit: str) -> str:
    has_interval = row.low is not None and row.high is not None
    interval = (
        format_interval_or_placeholder(row.low, row.high, unit) if has_interval else "no interval"
    )
    return f"{format_score_in_unit(row.mean, unit)} ({interval})"
