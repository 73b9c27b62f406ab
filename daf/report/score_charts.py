"""The charts of the report: intervals per policy, performance profiles, and learning curves.

Pure functions from plain data to SVG text; colours are CSS classes, so that one picture serves the
light and the dark theme.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from daf.report.svg import (
    CHARACTER,
    Axis,
    axis,
    element,
    path,
    scale,
    svg_image,
    text,
    tick_labels,
    truncate,
)
from daf.stats import format_score

WIDTH = 420
COLOURS = 8
"""Series colours in the style sheet; further series repeat them with a dashed line."""

LABEL_CHARACTERS = 20


def interval_chart(
    items: Sequence[dict], *, title: str, unit: str, interval: str, ceiling: float | None = None
) -> Markup:
    """A dot for each mean with its interval as a whisker, one policy a row.

    Args:
        items: dicts with policy, mean, low, high (low and high may be None: no whisker), best
            (drawn in the accent colour), in the order of the rows; at least one.
        title: of the text alternative.
        unit: of the axis, such as "hearts per episode".
        interval: what the whiskers are, in words, for the text alternative.
        ceiling: a proven upper bound, drawn as a line where it lies near the data.
    """
    row, top, bottom = 28, 22, 44
    height = top + row * len(items) + bottom
    longest = max(len(truncate(item["policy"], LABEL_CHARACTERS)) for item in items)
    left = 14 + 1.2 * CHARACTER * longest  # the name of the best is bold
    right = WIDTH - 54
    known = [item[key] for item in items for key in ("mean", "low", "high")]
    low, high = (edge(v for v in known if v is not None) for edge in (min, max))
    shows_ceiling = ceiling is not None and ceiling <= 3 * high
    scores = axis(*_axis_range(low, max(high, ceiling) if shows_ceiling else high))
    x = scale(scores.low, scores.high, left, right)
    floor = top + row * len(items)
    parts = [
        _vertical_grid(scores, x, top, floor),
        text((left + right) / 2, height - 6, unit, "axis-name", "middle"),
    ]
    if shows_ceiling:
        parts.append(_line(x(ceiling), top, x(ceiling), floor, "ceiling"))
        parts.append(text(x(ceiling), top - 8, f"ceiling {ceiling:g}", "ceiling-name", "middle"))
    for index, item in enumerate(items):
        parts.append(_interval_row(item, x, top + row * (index + 0.5), left, right))
    means = "; ".join(f"{item['policy']} {_range(item)}" for item in items)
    return svg_image(WIDTH, height, title, f"Mean {unit} with {interval}: {means}.", *parts)


def _interval_row(item: dict, x, y: float, left: float, right: float) -> Markup:
    parts = [element("title", f"{item['policy']}: {_range(item)}")]
    name = truncate(item["policy"], LABEL_CHARACTERS)
    parts.append(text(left - 10, y + 4, name, "label", "end"))
    if item["low"] is not None:
        low, high = x(item["low"]), x(item["high"])
        parts.append(_line(low, y, high, y, "whisker"))
        parts += [_line(end, y - 4, end, y + 4, "whisker") for end in (low, high)]
    parts.append(element("circle", cx=x(item["mean"]), cy=y, r=5, class_="dot"))
    parts.append(text(WIDTH - 4, y + 4, format_score(item["mean"]), "value", "end"))
    return element("g", *parts, class_="row best" if item["best"] else "row")


@dataclass(frozen=True)
class Curve:
    """One policy's learning curve on one mission.

    steps: x of the mean, agent-steps, rising. mean, low, high: score over the seeds at each step.
    seeds: one (steps, scores) a training seed; where their steps do
        not overlap there is no mean and its lists are empty. style: index of the colour.
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
    """Score against agent-steps: a line for the mean, a thin one for each seed, a min-max band.

    Args:
        curves: at least one, each with at least one step.
        title, unit, ceiling: as in `interval_chart`.
    """
    height, top, left, right = 290, 22, 56, WIDTH - 14
    floor = height - 50
    scores = [y for curve in curves for _, line in curve.seeds for y in line]
    steps = [step for curve in curves for line, _ in curve.seeds for step in line]
    shows_ceiling = ceiling is not None and ceiling <= 3 * max(scores)
    top_score = max(max(scores), ceiling) if shows_ceiling else max(scores)
    x_axis, y_axis = axis(0, max(steps)), axis(*_axis_range(min(scores), top_score))
    x = scale(x_axis.low, x_axis.high, left, right)
    y = scale(y_axis.low, y_axis.high, floor, top)
    parts = [_horizontal_grid(y_axis, y, left, right)]
    for tick, label in zip(x_axis.ticks, tick_labels(x_axis.ticks), strict=True):
        parts.append(text(x(tick), floor + 18, label, "tick", "middle"))
    parts.append(text((left + right) / 2, height - 8, "agent-steps", "axis-name", "middle"))
    parts.append(text(4, top - 10, unit, "axis-name"))
    if shows_ceiling:
        parts.append(_line(left, y(ceiling), right, y(ceiling), "ceiling"))
        name = f"ceiling {ceiling:g}"
        parts.append(text(right, y(ceiling) - 5, name, "ceiling-name", "end"))
    parts += [_curve(curve, x, y) for curve in curves]
    ends = "; ".join(
        f"{curve.policy} {format_score(curve.mean[-1])}" for curve in curves if curve.mean
    )
    return svg_image(
        WIDTH, height, title, f"{unit} against agent-steps; mean at the end: {ends}.", *parts
    )


def profile_chart(
    profile: Mapping, styles: Mapping[str, int], *, title: str, scores: str
) -> Markup:
    """The share of episodes that reach a score or more: a line and a band for each policy.

    Args:
        profile: what `daf.stats.profiles.profile` gives.
        styles: colour index of each policy.
        title: of the text alternative.
        scores: name of the x axis, such as "hearts per episode".
    """
    height, top, left, right = 290, 22, 56, WIDTH - 14
    floor = height - 50
    thresholds = profile["thresholds"]
    x_axis, y_axis = axis(thresholds[0], thresholds[-1]), Axis(0.0, 1.0, [0, 0.25, 0.5, 0.75, 1])
    x = scale(x_axis.low, x_axis.high, left, right)
    y = scale(0.0, 1.0, floor, top)
    parts = [_horizontal_grid(y_axis, y, left, right)]
    for tick, label in zip(x_axis.ticks, tick_labels(x_axis.ticks), strict=True):
        parts.append(text(x(tick), floor + 18, label, "tick", "middle"))
    parts.append(
        text((left + right) / 2, height - 8, f"at least so many {scores}", "axis-name", "middle")
    )
    parts.append(text(4, top - 10, "share of episodes", "axis-name"))
    middle = len(thresholds) // 2
    said = []
    for curve in profile["curves"]:
        drawn = [element("title", curve["policy"])]
        if curve["low"][0] is not None:
            points = [*zip(thresholds, curve["high"]), *[*zip(thresholds, curve["low"])][::-1]]
            band = path([(x(score), y(share)) for score, share in points], closed=True)
            drawn.append(element("path", d=band, class_="band"))
        line = path([(x(score), y(s)) for score, s in zip(thresholds, curve["share"])])
        drawn.append(element("path", d=line, class_="mean"))
        parts.append(element("g", *drawn, class_=f"curve {style_class(styles[curve['policy']])}"))
        said.append(f"{curve['policy']} {100 * curve['share'][middle]:.0f} %")
    reached = f"at least {format_score(thresholds[middle])}: {'; '.join(said)}"
    return svg_image(WIDTH, height, title, f"Share of episodes with {scores} of {reached}.", *parts)


def style_class(style: int) -> str:
    """The CSS classes of a series: its colour and, from the ninth on, a dashed line."""
    dashed = " dashed" if style >= COLOURS else ""
    return f"s{style % COLOURS}{dashed}"


def _curve(curve: Curve, x, y) -> Markup:
    def points(steps: list[float], scores: list[float]) -> list[tuple[float, float]]:
        return [(x(step), y(score)) for step, score in zip(steps, scores, strict=True)]

    parts = [element("title", curve.policy)]
    mean = points(curve.steps, curve.mean)
    if len(curve.seeds) > 1 and mean:
        band = points(curve.steps, curve.high) + points(curve.steps, curve.low)[::-1]
        parts.append(element("path", d=path(band, closed=True), class_="band"))
    if len(curve.seeds) > 1:
        parts += [element("path", d=path(points(*seed)), class_="seed") for seed in curve.seeds]
    if mean:
        parts.append(element("path", d=path(mean), class_="mean"))
    if len(mean) == 1:
        parts.append(element("circle", cx=mean[0][0], cy=mean[0][1], r=3, class_="end"))
    return element("g", *parts, class_=f"curve {style_class(curve.style)}")


def _axis_range(low: float, high: float) -> tuple[float, float]:
    """The axis starts at 0 unless the data lie together far from it."""
    return (min(low, 0.0), max(high, 0.0)) if low < 0.5 * high or high <= 0 else (low, high)


def _range(item: dict) -> str:
    if item["low"] is None:
        return f"{format_score(item['mean'])} (no interval)"
    return f"{format_score(item['mean'])} ({format_score(item['low'])} to {format_score(item['high'])})"


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def _vertical_grid(axis: Axis, x, top: float, floor: float) -> Markup:
    parts = [_line(x(tick), top, x(tick), floor, "grid") for tick in axis.ticks]
    labels = zip(axis.ticks, tick_labels(axis.ticks), strict=True)
    parts += [text(x(tick), floor + 18, label, "tick", "middle") for tick, label in labels]
    return element("g", *parts)


def _horizontal_grid(axis: Axis, y, left: float, right: float) -> Markup:
    parts = [_line(left, y(tick), right, y(tick), "grid") for tick in axis.ticks]
    labels = zip(axis.ticks, tick_labels(axis.ticks), strict=True)
    parts += [text(left - 8, y(tick) + 4, label, "tick", "end") for tick, label in labels]
    return element("g", *parts)
