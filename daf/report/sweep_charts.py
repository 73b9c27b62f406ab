"""The charts of a sweep: slices through the search space, rounds, and what was confirmed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from daf.report.svg import axis, element, path, scale, svg_image, text, tick_labels, truncate
from daf.stats import format_score

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, FLOOR = 56, WIDTH - 14, 22, HEIGHT - 50
MAX_LABELS = 8


def slice_chart(
    points: Sequence[Mapping[str, Any]], *, name: str, metric: str, log: bool
) -> Markup:
    """The objective of each trial against one hyperparameter.

    Args:
        points: dicts with value (a number, or a text for values without order; None: the trial does
            not have it), objective, low, high (None: no interval), best (drawn in the accent
            colour); at least one.
        name: of the hyperparameter.
        metric: what the objective is.
        log: whether the values lie on a logarithmic scale.
    """
    x, ticks, labels = _value_axis([point["value"] for point in points], log)
    y, parts = _objective_axis(
        [p[key] for p in points for key in ("objective", "low", "high")], metric
    )
    for tick, label in list(zip(ticks, labels))[:: math.ceil(len(ticks) / MAX_LABELS)]:
        parts.append(text(x(tick), FLOOR + 18, truncate(label, 14), "tick", "middle"))
    parts.append(text((LEFT + RIGHT) / 2, HEIGHT - 8, name, "axis-name", "middle"))
    # The best last, so that it lies above the others.
    for point in sorted(points, key=lambda point: point["best"]):
        at, height = x(point["value"]), y(point["objective"])
        dot = [element("title", f"{name} {point['value']}: {format_score(point['objective'])}")]
        if point["low"] is not None:
            dot.append(_line(at, y(point["low"]), at, y(point["high"]), "whisker"))
        dot.append(element("circle", cx=at, cy=height, r=4, class_="dot"))
        parts.append(element("g", *dot, class_="row best" if point["best"] else "row"))
    best = next((point for point in points if point["best"]), points[0])
    told = f"{len(points)} trials; the best has {name} {best['value']}."
    return svg_image(WIDTH, HEIGHT, f"{metric} against {name}", told, *parts)


def rounds_chart(
    lines: Sequence[Mapping[str, Any]], *, x_name: str, metric: str, what: str
) -> Markup:
    """The objective of each trial round by round.

    Args:
        lines: dicts with trial, points [(x, objective)], best; at least one.
        x_name: what x is: agent-steps, or the number of the trial.
        metric: what the objective is.
        what: in words, for the text alternative.
    """
    places = [x for line in lines for x, _ in line["points"]]
    y, parts = _objective_axis([y for line in lines for _, y in line["points"]], metric)
    along = axis(0, max(places))
    x = scale(along.low, along.high, LEFT, RIGHT)
    for tick, label in zip(along.ticks, tick_labels(along.ticks)):
        parts.append(text(x(tick), FLOOR + 18, label, "tick", "middle"))
    parts.append(text((LEFT + RIGHT) / 2, HEIGHT - 8, x_name, "axis-name", "middle"))
    for line in sorted(lines, key=lambda line: line["best"]):
        drawn = [(x(at), y(objective)) for at, objective in line["points"]]
        marks = [element("title", line["trial"])]
        if len(drawn) > 1:
            marks.append(element("path", d=path(drawn), class_="rung"))
        marks += [element("circle", cx=cx, cy=cy, r=3.5, class_="dot") for cx, cy in drawn]
        parts.append(element("g", *marks, class_="row best" if line["best"] else "row"))
    return svg_image(WIDTH, HEIGHT, f"{metric} round by round", what, *parts)


def confirmation_chart(items: Sequence[Mapping[str, Any]], *, metric: str, unit: str) -> Markup:
    """What each finalist reached in the search (ring) and on fresh seeds (dot with interval).

    Args:
        items: entries of `confirmation` in search.json; at least one.
        metric: what the objective is.
        unit: what the intervals are over, in words.
    """
    row = 34
    floor = TOP + row * len(items)
    height = floor + 44
    known = [i[key] for i in items for key in ("searched", "mean", "low", "high")]
    values = [value for value in known if value is not None]
    along = axis(min(0.0, *values), max(0.0, *values))
    x = scale(along.low, along.high, 14, WIDTH - 54)
    parts = []
    for tick, label in zip(along.ticks, tick_labels(along.ticks)):
        parts.append(_line(x(tick), TOP, x(tick), floor, "grid"))
        parts.append(text(x(tick), floor + 18, label, "tick", "middle"))
    parts.append(text(WIDTH / 2, height - 6, metric, "axis-name", "middle"))
    for place, item in enumerate(items):
        y = TOP + row * (place + 0.5) + 6
        marks = [text(14, y - 12, truncate(item["trial"], 60), "label")]
        if item["low"] is not None:
            marks.append(_line(x(item["low"]), y, x(item["high"]), y, "whisker"))
        marks.append(element("circle", cx=x(item["searched"]), cy=y, r=5, class_="ring"))
        if item["mean"] is not None:
            marks.append(element("circle", cx=x(item["mean"]), cy=y, r=5, class_="dot"))
            marks.append(text(WIDTH - 4, y + 4, format_score(item["mean"]), "value", "end"))
        parts.append(element("g", *marks, class_="row" if place else "row best"))
    told = "; ".join(
        f"{item['trial']}: {format_score(item['searched'])} in the search, "
        + (
            "not confirmed"
            if item["mean"] is None
            else f"{format_score(item['mean'])} on fresh seeds"
        )
        for item in items
    )
    return svg_image(WIDTH, height, f"Finalists, intervals over {unit}", f"{told}.", *parts)


def _value_axis(values: Sequence[Any], log: bool):
    """Where values lie: the scale, its ticks and their labels."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        ends = min(values), max(values)
        if log:
            low, high = (math.log10(end) for end in ends)
            along = axis(low, high) if low < high else axis(low - 1, high + 1)
            x = scale(low - 0.04 * (high - low or 2), high + 0.04 * (high - low or 2), LEFT, RIGHT)
            powers = [10.0**p for p in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
            ticks = powers if len(powers) > 1 else sorted({*ends, *powers})
            return (lambda value: x(math.log10(value))), ticks, [f"{tick:g}" for tick in ticks]
        along = axis(*ends) if 0 not in ends else axis(*_padded(*ends))
        x = scale(along.low, along.high, LEFT, RIGHT)
        return x, along.ticks, tick_labels(along.ticks)
    names = list(dict.fromkeys(sorted(map(_named, values))))
    x = scale(-0.5, len(names) - 0.5, LEFT, RIGHT)
    return (lambda value: x(names.index(_named(value)))), names, names


def _named(value: Any) -> str:
    return "not set" if value is None else str(value)


def _padded(low: float, high: float) -> tuple[float, float]:
    """An axis ends at zero; points that lie there are not to lie on the edge."""
    room = 0.06 * (high - low or 1.0)
    return low - room, high + room


def _objective_axis(values: Sequence[float | None], metric: str):
    """The scale of the objective, and the grid with its labels."""
    known = [value for value in values if value is not None]
    upright = axis(*_padded(min(known), max(known)))
    y = scale(upright.low, upright.high, FLOOR, TOP)
    parts = [text(4, TOP - 10, metric, "axis-name")]
    for tick, label in zip(upright.ticks, tick_labels(upright.ticks)):
        parts.append(_line(LEFT, y(tick), RIGHT, y(tick), "grid"))
        parts.append(text(LEFT - 8, y(tick) + 4, label, "tick", "end"))
    return y, parts


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)
