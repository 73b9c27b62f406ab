"""Charts of a sweep: slices of the search space, rounds, and confirmation."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from daf.report.cells import format_score_in_unit
from daf.report.score_charts import format_axis_labels
from daf.report.svg import (
    element,
    format_tick_labels,
    line_element,
    linear_scale,
    padded_axis_with_nice_ticks,
    path_data,
    svg_image,
    text_element,
    truncate,
)

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, FLOOR = 56, WIDTH - 14, 22, HEIGHT - 50
MAX_LABELS = 8


class HyperparameterAxis(NamedTuple):
    """Horizontal axis of a hyperparameter.

    Attributes:
        scale: function from values to pixels.
        ticks: values with a tick.
        labels: label of each tick.
    """

    scale: Callable[[Any], float]
    ticks: Sequence[Any]
    labels: list[str]


class VerticalObjectiveAxis(NamedTuple):
    """Vertical axis of the objective.

    Attributes:
        scale: function from objectives to pixels.
        elements: grid, labels and name of the axis.
    """

    scale: Callable[[float], float]
    elements: list[Markup]


def slice_chart(
    points: Sequence[Mapping[str, Any]],
    *,
    hyperparameter: str,
    objective_name: str,
    is_log_scale: bool,
) -> Markup:
    """Return a chart of the objective of each trial against one hyperparameter.

    Args:
        points: dicts with value (a number, text for categories, None if inactive), objective, low,
            high (None: no interval), best (accent color); at least one.
        hyperparameter: name of the hyperparameter.
        objective_name: name of the objective.
        is_log_scale: use a logarithmic scale.
    """
    x, ticks, labels = _hyperparameter_axis([point["value"] for point in points], is_log_scale)
    y, parts = _objective_axis(
        [p[key] for p in points for key in ("objective", "low", "high")], objective_name
    )
    for tick, label in list(zip(ticks, labels))[:: math.ceil(len(ticks) / MAX_LABELS)]:
        parts.append(text_element(x(tick), FLOOR + 18, truncate(label, 14), "tick", "middle"))
    parts.append(
        text_element((LEFT + RIGHT) / 2, HEIGHT - 8, hyperparameter, "axis-name", "middle")
    )
    # The best trial is drawn last, on top of the others.
    for point in sorted(points, key=lambda point: point["best"]):
        cx, cy = x(point["value"]), y(point["objective"])
        objective = format_score_in_unit(point["objective"], objective_name)
        dot = [element("title", f"{hyperparameter} {point['value']}: {objective}")]
        if point["low"] is not None:
            dot.append(line_element(cx, y(point["low"]), cx, y(point["high"]), "whisker"))
        dot.append(element("circle", cx=cx, cy=cy, r=4, class_="dot"))
        parts.append(element("g", *dot, class_="row best" if point["best"] else "row"))
    best = next((point for point in points if point["best"]), points[0])
    description = f"{len(points)} trials; value of the best: {best['value']}."
    return svg_image(
        WIDTH, HEIGHT, f"{objective_name} against {hyperparameter}", description, *parts
    )


def rounds_chart(
    trial_lines: Sequence[Mapping[str, Any]], *, x_name: str, objective_name: str, description: str
) -> Markup:
    """Return a chart of the objective of each trial by round.

    Args:
        trial_lines: dicts with trial, points [(x, objective)], best; at least one.
        x_name: name of the x axis: agent-steps, or number of the trial.
        objective_name: name of the objective.
        description: text alternative.
    """
    x_values = [x for line in trial_lines for x, _ in line["points"]]
    y, parts = _objective_axis(
        [y for line in trial_lines for _, y in line["points"]], objective_name
    )
    x_axis = padded_axis_with_nice_ticks(0, max(x_values))
    x = linear_scale(x_axis.low, x_axis.high, LEFT, RIGHT)
    for tick, label in zip(x_axis.ticks, format_tick_labels(x_axis.ticks)):
        parts.append(text_element(x(tick), FLOOR + 18, label, "tick", "middle"))
    parts.append(text_element((LEFT + RIGHT) / 2, HEIGHT - 8, x_name, "axis-name", "middle"))
    for line in sorted(trial_lines, key=lambda line: line["best"]):
        positions = [(x(steps), y(objective)) for steps, objective in line["points"]]
        marks = [element("title", line["trial"])]
        if len(positions) > 1:
            marks.append(element("path", d=path_data(positions), class_="rung"))
        marks += [element("circle", cx=cx, cy=cy, r=3.5, class_="dot") for cx, cy in positions]
        parts.append(element("g", *marks, class_="row best" if line["best"] else "row"))
    return svg_image(WIDTH, HEIGHT, f"{objective_name} by round", description, *parts)


def confirmation_chart(
    finalists: Sequence[Mapping[str, Any]], *, objective_name: str, interval_unit_name: str
) -> Markup:
    """Return a chart of finalists: objective in the search (ring) and on unseen seeds (dot).

    Args:
        finalists: entries of `confirmation` in search.json; at least one.
        objective_name: name of the objective.
        interval_unit_name: independent units of the intervals.
    """
    row = 34
    floor = TOP + row * len(finalists)
    height = floor + 44
    values = [i[key] for i in finalists for key in ("searched", "mean", "low", "high")]
    values = [value for value in values if value is not None]
    x_axis = padded_axis_with_nice_ticks(min(0.0, *values), max(0.0, *values))
    x = linear_scale(x_axis.low, x_axis.high, 14, WIDTH - 54)
    parts = []
    for tick, label in zip(x_axis.ticks, format_axis_labels(x_axis, objective_name)):
        parts.append(line_element(x(tick), TOP, x(tick), floor, "grid"))
        parts.append(text_element(x(tick), floor + 18, label, "tick", "middle"))
    parts.append(text_element(WIDTH / 2, height - 6, objective_name, "axis-name", "middle"))
    for index, item in enumerate(finalists):
        y = TOP + row * (index + 0.5) + 6
        marks = [text_element(14, y - 12, truncate(item["trial"], 60), "label")]
        if item["low"] is not None:
            marks.append(line_element(x(item["low"]), y, x(item["high"]), y, "whisker"))
        marks.append(element("circle", cx=x(item["searched"]), cy=y, r=5, class_="ring"))
        if item["mean"] is not None:
            marks.append(element("circle", cx=x(item["mean"]), cy=y, r=5, class_="dot"))
            marks.append(
                text_element(
                    WIDTH - 4,
                    y + 4,
                    format_score_in_unit(item["mean"], objective_name),
                    "value",
                    "end",
                )
            )
        parts.append(element("g", *marks, class_="row" if index else "row best"))
    description = "; ".join(
        f"{item['trial']}: "
        f"{format_score_in_unit(item['searched'], objective_name)} in the search, "
        + (
            "not confirmed"
            if item["mean"] is None
            else f"{format_score_in_unit(item['mean'], objective_name)} on unseen seeds"
        )
        for item in finalists
    )
    return svg_image(
        WIDTH, height, f"Finalists, intervals over {interval_unit_name}", f"{description}.", *parts
    )


def _hyperparameter_axis(values: Sequence[Any], is_log_scale: bool) -> HyperparameterAxis:
    """Return the scale of values, its ticks and their labels."""
    if is_numeric_axis(values):
        ends = min(values), max(values)
        if is_log_scale:
            low, high = (math.log10(end) for end in ends)
            x_axis = (
                padded_axis_with_nice_ticks(low, high)
                if low < high
                else padded_axis_with_nice_ticks(low - 1, high + 1)
            )
            x = linear_scale(
                low - 0.04 * (high - low or 2), high + 0.04 * (high - low or 2), LEFT, RIGHT
            )
            powers = [10.0**p for p in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
            ticks = powers if len(powers) > 1 else sorted({*ends, *powers})
            labels = [f"{tick:g}" for tick in ticks]
            return HyperparameterAxis(lambda value: x(math.log10(value)), ticks, labels)
        x_axis = (
            padded_axis_with_nice_ticks(*ends)
            if 0 not in ends
            else padded_axis_with_nice_ticks(*_pad_range(*ends))
        )
        x = linear_scale(x_axis.low, x_axis.high, LEFT, RIGHT)
        return HyperparameterAxis(x, x_axis.ticks, format_tick_labels(x_axis.ticks))
    names = list(dict.fromkeys(sorted(map(category_name, values))))
    x = linear_scale(-0.5, len(names) - 0.5, LEFT, RIGHT)
    return HyperparameterAxis(lambda value: x(names.index(category_name(value))), names, names)


def is_numeric_axis(values: Sequence[Any]) -> bool:
    """Return True if all values of a hyperparameter are numbers."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def category_name(value: Any) -> str:
    """Return the label of a value on an axis of categories."""
    return "not set" if value is None else str(value)


def _pad_range(low: float, high: float) -> tuple[float, float]:
    """Extend a range, so that points at 0 are not on the edge of the chart."""
    padding = 0.06 * (high - low or 1.0)
    return low - padding, high + padding


def _objective_axis(values: Sequence[float | None], objective_name: str) -> VerticalObjectiveAxis:
    """Return the scale of the objective, and the elements of its grid and labels."""
    values = [value for value in values if value is not None]
    y_axis = padded_axis_with_nice_ticks(*_pad_range(min(values), max(values)))
    y = linear_scale(y_axis.low, y_axis.high, FLOOR, TOP)
    parts = [text_element(4, TOP - 10, objective_name, "axis-name")]
    for tick, label in zip(y_axis.ticks, format_axis_labels(y_axis, objective_name)):
        parts.append(line_element(LEFT, y(tick), RIGHT, y(tick), "grid"))
        parts.append(text_element(LEFT - 8, y(tick) + 4, label, "tick", "end"))
    return VerticalObjectiveAxis(y, parts)
