"""Charts of scores: intervals per policy, performance profiles and learning curves.

Functions return SVG text. Colors are CSS classes, which adapt to the light and the dark theme.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from daf.report.svg import (
    CHARACTER_WIDTH,
    Axis,
    element,
    linear_scale,
    nice_axis,
    path_data,
    svg_image,
    text_element,
    tick_labels,
    truncate,
)
from daf.stats import format_score

WIDTH = 420
NUM_COLORS = 8
"""Number of series colors in the style sheet; further series repeat them with dashed lines."""

LABEL_CHARACTERS = 20


def interval_chart(
    items: Sequence[dict], *, title: str, unit: str, interval: str, ceiling: float | None = None
) -> Markup:
    """Return a chart of means (dots) and intervals (whiskers), with one row per policy.

    Args:
        items: dicts with policy, mean, low, high (None: no whisker), best (accent color), in the
            order of the rows; at least one.
        title: title of the text alternative.
        unit: unit of the axis, such as "hearts per episode".
        interval: description of the intervals, for the text alternative.
        ceiling: proven upper bound, drawn as a line if it is near the data.
    """
    row, top, bottom = 28, 22, 44
    height = top + row * len(items) + bottom
    longest = max(len(truncate(item["policy"], LABEL_CHARACTERS)) for item in items)
    left = 14 + 1.2 * CHARACTER_WIDTH * longest  # the best policy is bold, hence wider
    right = WIDTH - 54
    values = [item[key] for item in items for key in ("mean", "low", "high")]
    low, high = (end(v for v in values if v is not None) for end in (min, max))
    shows_ceiling = ceiling is not None and ceiling <= 3 * high
    scores = nice_axis(*_axis_range(low, max(high, ceiling) if shows_ceiling else high))
    x = linear_scale(scores.low, scores.high, left, right)
    floor = top + row * len(items)
    parts = [
        _vertical_grid(scores, x, top, floor),
        text_element((left + right) / 2, height - 6, unit, "axis-name", "middle"),
    ]
    if shows_ceiling:
        parts.append(_line_element(x(ceiling), top, x(ceiling), floor, "ceiling"))
        parts.append(
            text_element(x(ceiling), top - 8, f"ceiling {ceiling:g}", "ceiling-name", "middle")
        )
    for index, item in enumerate(items):
        parts.append(_interval_row(item, x, top + row * (index + 0.5), left, right))
    means = "; ".join(f"{item['policy']} {_estimate_text(item)}" for item in items)
    return svg_image(WIDTH, height, title, f"Mean {unit} with {interval}: {means}.", *parts)


def _interval_row(
    item: dict, x: Callable[[float], float], y: float, left: float, right: float
) -> Markup:
    parts = [element("title", f"{item['policy']}: {_estimate_text(item)}")]
    name = truncate(item["policy"], LABEL_CHARACTERS)
    parts.append(text_element(left - 10, y + 4, name, "label", "end"))
    if item["low"] is not None:
        low, high = x(item["low"]), x(item["high"])
        parts.append(_line_element(low, y, high, y, "whisker"))
        parts += [_line_element(edge, y - 4, edge, y + 4, "whisker") for edge in (low, high)]
    parts.append(element("circle", cx=x(item["mean"]), cy=y, r=5, class_="dot"))
    parts.append(text_element(WIDTH - 4, y + 4, format_score(item["mean"]), "value", "end"))
    return element("g", *parts, class_="row best" if item["best"] else "row")


@dataclass(frozen=True)
class Curve:
    """Learning curve of one policy on one mission.

    Attributes:
        policy: label of the policy.
        steps: agent-steps of the mean, ascending; empty if no steps are common to all seeds.
        mean, low, high: mean, minimum and maximum score over training seeds, at each step.
        seeds: (steps, scores) of each training seed.
        style: index of the color.
    """

    policy: str
    steps: list[float]
    mean: list[float]
    low: list[float]
    high: list[float]
    seeds: list[tuple[list[float], list[float]]]
    style: int


def curve_chart(
    curves: Sequence[Curve], *, title: str, unit: str, ceiling: float | None = None
) -> Markup:
    """Return a chart of score against agent-steps: mean, each seed, and minimum to maximum.

    Args:
        curves: at least one curve, each with at least one step.
        title: title of the text alternative.
        unit: unit of the scores, such as "hearts per episode".
        ceiling: proven upper bound, drawn as a line if it is near the data.
    """
    height, top, left, right = 290, 22, 56, WIDTH - 14
    floor = height - 50
    scores = [y for curve in curves for _, line in curve.seeds for y in line]
    steps = [step for curve in curves for line, _ in curve.seeds for step in line]
    shows_ceiling = ceiling is not None and ceiling <= 3 * max(scores)
    top_score = max(max(scores), ceiling) if shows_ceiling else max(scores)
    x_axis, y_axis = nice_axis(0, max(steps)), nice_axis(*_axis_range(min(scores), top_score))
    x = linear_scale(x_axis.low, x_axis.high, left, right)
    y = linear_scale(y_axis.low, y_axis.high, floor, top)
    parts = [_horizontal_grid(y_axis, y, left, right)]
    for tick, label in zip(x_axis.ticks, tick_labels(x_axis.ticks), strict=True):
        parts.append(text_element(x(tick), floor + 18, label, "tick", "middle"))
    parts.append(text_element((left + right) / 2, height - 8, "agent-steps", "axis-name", "middle"))
    parts.append(text_element(4, top - 10, unit, "axis-name"))
    if shows_ceiling:
        parts.append(_line_element(left, y(ceiling), right, y(ceiling), "ceiling"))
        name = f"ceiling {ceiling:g}"
        parts.append(text_element(right, y(ceiling) - 5, name, "ceiling-name", "end"))
    parts += [_curve_element(curve, x, y) for curve in curves]
    final_means = "; ".join(
        f"{curve.policy} {format_score(curve.mean[-1])}" for curve in curves if curve.mean
    )
    return svg_image(
        WIDTH, height, title, f"{unit} against agent-steps; final mean: {final_means}.", *parts
    )


def profile_chart(
    profile: Mapping, styles: Mapping[str, int], *, title: str, scores: str
) -> Markup:
    """Return a chart of performance profiles: fraction of episodes with a minimum score.

    Args:
        profile: result of `daf.stats.profiles.compute_profile`.
        styles: color index of each policy.
        title: title of the text alternative.
        scores: name of the x axis, such as "hearts per episode".
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
    for tick, label in zip(x_axis.ticks, tick_labels(x_axis.ticks), strict=True):
        parts.append(text_element(x(tick), floor + 18, label, "tick", "middle"))
    parts.append(
        text_element(
            (left + right) / 2, height - 8, f"minimum score ({scores})", "axis-name", "middle"
        )
    )
    parts.append(text_element(4, top - 10, "fraction of episodes", "axis-name"))
    middle = len(thresholds) // 2
    texts = []
    for curve in profile["curves"]:
        elements = [element("title", curve["policy"])]
        if curve["low"][0] is not None:
            points = [*zip(thresholds, curve["high"]), *[*zip(thresholds, curve["low"])][::-1]]
            band = path_data([(x(score), y(share)) for score, share in points], closed=True)
            elements.append(element("path", d=band, class_="band"))
        line = path_data([(x(score), y(s)) for score, s in zip(thresholds, curve["share"])])
        elements.append(element("path", d=line, class_="mean"))
        parts.append(
            element("g", *elements, class_=f"curve {style_class(styles[curve['policy']])}")
        )
        texts.append(f"{curve['policy']} {100 * curve['share'][middle]:.0f} %")
    summary = f"at least {format_score(thresholds[middle])}: {'; '.join(texts)}"
    return svg_image(
        WIDTH, height, title, f"Fraction of episodes with {scores} of {summary}.", *parts
    )


def style_class(style: int) -> str:
    """Return the CSS classes of a series: a color and, from the 9th series on, a dashed line."""
    dashed = " dashed" if style >= NUM_COLORS else ""
    return f"s{style % NUM_COLORS}{dashed}"


def _curve_element(
    curve: Curve, x: Callable[[float], float], y: Callable[[float], float]
) -> Markup:
    def points(steps: list[float], scores: list[float]) -> list[tuple[float, float]]:
        return [(x(step), y(score)) for step, score in zip(steps, scores, strict=True)]

    parts = [element("title", curve.policy)]
    mean = points(curve.steps, curve.mean)
    if len(curve.seeds) > 1 and mean:
        band = points(curve.steps, curve.high) + points(curve.steps, curve.low)[::-1]
        parts.append(element("path", d=path_data(band, closed=True), class_="band"))
    if len(curve.seeds) > 1:
        parts += [
            element("path", d=path_data(points(*seed)), class_="seed") for seed in curve.seeds
        ]
    if mean:
        parts.append(element("path", d=path_data(mean), class_="mean"))
    if len(mean) == 1:
        parts.append(element("circle", cx=mean[0][0], cy=mean[0][1], r=3, class_="end"))
    return element("g", *parts, class_=f"curve {style_class(curve.style)}")


def _axis_range(low: float, high: float) -> tuple[float, float]:
    """Extend a range to 0, unless all data are far from 0."""
    return (min(low, 0.0), max(high, 0.0)) if low < 0.5 * high or high <= 0 else (low, high)


def _estimate_text(item: dict) -> str:
    interval = "no interval"
    if item["low"] is not None:
        interval = f"{format_score(item['low'])} to {format_score(item['high'])}"
    return f"{format_score(item['mean'])} ({interval})"


def _line_element(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def _vertical_grid(axis: Axis, x: Callable[[float], float], top: float, floor: float) -> Markup:
    parts = [_line_element(x(tick), top, x(tick), floor, "grid") for tick in axis.ticks]
    labels = zip(axis.ticks, tick_labels(axis.ticks), strict=True)
    parts += [text_element(x(tick), floor + 18, label, "tick", "middle") for tick, label in labels]
    return element("g", *parts)


def _horizontal_grid(axis: Axis, y: Callable[[float], float], left: float, right: float) -> Markup:
    parts = [_line_element(left, y(tick), right, y(tick), "grid") for tick in axis.ticks]
    labels = zip(axis.ticks, tick_labels(axis.ticks), strict=True)
    parts += [text_element(left - 8, y(tick) + 4, label, "tick", "end") for tick, label in labels]
    return element("g", *parts)
