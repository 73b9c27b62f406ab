"""SVG elements as escaped text, linear scales, and axes with round ticks."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from markupsafe import Markup, escape

CHARACTER_WIDTH = 7.3
"""Mean width in pixels of a character of 12 px text, to reserve space for labels."""


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """Return `<name attributes>children</name>`.

    Args:
        tag: tag; it must not come from data.
        children: content; text is escaped, `Markup` is not.
        attributes: `class_` becomes `class`, `a_b` becomes `a-b`. Floats get 2 decimals, values are
            escaped, and None omits the attribute.
    """
    attribute_text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_format_attribute(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{attribute_text}>{''.join(escape(child) for child in children)}</{tag}>")


def svg_image(width: float, height: float, title: str, description: str, *children: Any) -> Markup:
    """Return a scalable `<svg>` with a text alternative.

    Args:
        width: width of the view box, in pixels.
        height: height of the view box, in pixels.
        title: title of the text alternative.
        description: text alternative.
        children: elements of the image.
    """
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *children,
        viewBox=f"0 0 {_format_attribute(float(width))} {_format_attribute(float(height))}",
        role="img",
        aria_label=f"{title}. {description}",
        style=f"max-width:{1.1 * width:.0f}px",
    )


def text_element(
    x: float, y: float, content: str, css_classes: str = "", anchor: str | None = None
) -> Markup:
    """Return a line of text at a position in pixels.

    Args:
        x: x of the anchor.
        y: y of the baseline.
        content: text.
        css_classes: CSS classes.
        anchor: "start" (default), "middle" or "end".
    """
    return element("text", content, x=x, y=y, class_=css_classes or None, text_anchor=anchor)


def line_element(x1: float, y1: float, x2: float, y2: float, css_classes: str) -> Markup:
    """Return a line between two positions in pixels."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=css_classes)


def truncate(content: str, max_characters: int) -> str:
    """Return a text, cut to a number of characters with an ellipsis at the end."""
    return content if len(content) <= max_characters else content[: max_characters - 1] + "…"


def path_data(points: list[tuple[float, float]], is_closed: bool = False) -> str:
    """Return the `d` attribute of a polyline through points in pixels."""
    coordinates = " ".join(
        f"{_format_attribute(float(x))},{_format_attribute(float(y))}" for x, y in points
    )
    return f"M{coordinates}{'Z' if is_closed else ''}"


def linear_scale(
    low: float, high: float, start_pixel: float, end_pixel: float
) -> Callable[[float], float]:
    """Return the linear function from [low, high] (low < high) to pixels [start, end]."""
    return lambda value: start_pixel + (value - low) / (high - low) * (end_pixel - start_pixel)


class Axis(NamedTuple):
    """Range of an axis (low < high) and its ticks: at least 2 round numbers, ascending."""

    low: float
    high: float
    ticks: list[float]


def padded_axis_with_nice_ticks(low: float, high: float, num_ticks: int = 5) -> Axis:
    """Return an axis that contains [low, high], with padding except at an end of 0.

    Ticks are multiples of 1, 2, 2.5 or 5 times a power of 10 (Heckbert, "Nice numbers for graph
    labels", Graphics Gems, 1990, with 2.5 added).

    Args:
        low: minimum of the data.
        high: maximum of the data.
        num_ticks: approximate number of ticks.
    """
    if not low < high:
        pad = abs(low) / 10 or 1.0
        low, high = low - pad, high + pad
    pad = 0.04 * (high - low)
    low, high = (low - pad if low else 0.0), (high + pad if high else 0.0)
    rough = (high - low) / num_ticks
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(low, high, [float(f"{i * step:.12g}") for i in range(first, last + 1)])


def format_tick_labels(ticks: list[float]) -> list[str]:
    """Return the labels of ticks, with equal decimals and a suffix k, M or G."""
    step = ticks[1] - ticks[0]
    largest = max(abs(ticks[0]), abs(ticks[-1]))
    unit, suffix = next(
        (u, s) for u, s in ((1e9, " G"), (1e6, " M"), (1e4, " k"), (0, "")) if largest >= u
    )
    unit = {1e4: 1e3, 0: 1.0}.get(unit, unit)
    decimals = next((d for d in range(12) if _is_nonzero_integer(step / unit * 10**d)), 12)
    labels = [f"{tick / unit:.{decimals}f}{suffix if tick else ''}" for tick in ticks]
    return [label.replace("-", "−") for label in labels]


def include_zero_if_near(low: float, high: float) -> tuple[float, float]:
    """Extend a range to 0, unless all data are far from 0."""
    return (min(low, 0.0), max(high, 0.0)) if low < 0.5 * high or high <= 0 else (low, high)


def vertical_grid(
    axis: Axis,
    x_scale: Callable[[float], float],
    top: float,
    bottom: float,
    labels: list[str] | None = None,
) -> Markup:
    """Return the grid lines of a horizontal axis, with their labels below.

    Args:
        axis: axis.
        x_scale: function from values to pixels.
        top: y of the upper ends, in pixels.
        bottom: y of the lower ends, in pixels.
        labels: label of each tick; None for the numbers.
    """
    parts = [line_element(x_scale(tick), top, x_scale(tick), bottom, "grid") for tick in axis.ticks]
    texts = format_tick_labels(axis.ticks) if labels is None else labels
    parts += [
        text_element(x_scale(tick), bottom + 18, text, "tick", "middle")
        for tick, text in zip(axis.ticks, texts, strict=True)
    ]
    return element("g", *parts)


def horizontal_grid(
    axis: Axis,
    y_scale: Callable[[float], float],
    left: float,
    right: float,
    labels: list[str] | None = None,
) -> Markup:
    """Return the grid lines of a vertical axis, with their labels on the left.

    Args:
        axis: axis.
        y_scale: function from values to pixels.
        left: x of the left ends, in pixels.
        right: x of the right ends, in pixels.
        labels: label of each tick; None for the numbers.
    """
    parts = [line_element(left, y_scale(tick), right, y_scale(tick), "grid") for tick in axis.ticks]
    texts = format_tick_labels(axis.ticks) if labels is None else labels
    parts += [
        text_element(left - 8, y_scale(tick) + 4, text, "tick", "end")
        for tick, text in zip(axis.ticks, texts, strict=True)
    ]
    return element("g", *parts)


def _is_nonzero_integer(value: float) -> bool:
    return abs(value - round(value)) < 1e-6 * max(abs(value), 1e-300) and round(value) != 0


def _format_attribute(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")  # + 0.0 turns -0.0 into 0.0
