"""SVG elements as escaped text, linear scales and round axis ticks."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from markupsafe import Markup, escape

CHARACTER = 7.3
"""Mean width in pixels of a character of the charts' 12 px text; used to leave room for labels."""


def element(name: str, *children: Any, **attributes: Any) -> Markup:
    """`<name attributes>children</name>`; text children and attribute values are escaped.

    Args:
        name: the tag, from the code, never from data.
        children: `Markup` is kept as it is, anything else is escaped.
        attributes: `class_` becomes `class`, `a_b` becomes `a-b`; floats get two decimals;
            None leaves the attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_format_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{''.join(escape(child) for child in children)}</{name}>")


def svg_image(width: float, height: float, title: str, description: str, *children: Any) -> Markup:
    """An `<svg>` that scales to its box, with a text alternative."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *children,
        viewBox=f"0 0 {_format_number(float(width))} {_format_number(float(height))}",
        role="img",
        aria_label=f"{title}. {description}",
        style=f"max-width:{1.1 * width:.0f}px",
    )


def text(x: float, y: float, words: str, class_: str = "", anchor: str | None = None) -> Markup:
    """A line of text; `anchor` is start (default), middle or end."""
    return element("text", words, x=x, y=y, class_=class_ or None, text_anchor=anchor)


def truncate(words: str, characters: int) -> str:
    """`words`, cut to so many characters with an ellipsis at the end."""
    return words if len(words) <= characters else words[: characters - 1] + "…"


def path(points: list[tuple[float, float]], closed: bool = False) -> str:
    """The `d` attribute of a polyline through the points."""
    steps = " ".join(f"{_format_number(float(x))},{_format_number(float(y))}" for x, y in points)
    return f"M{steps}{'Z' if closed else ''}"


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """The linear map of [low, high] (low < high) onto pixels [start, end]."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


class Axis(NamedTuple):
    """A stretch of numbers and the round ones in it: low < high, at least two ticks, rising."""

    low: float
    high: float
    ticks: list[float]


def axis(low: float, high: float, count: int = 5) -> Axis:
    """An axis that holds [low, high], a little wider except where it ends at zero.

    Ticks are about `count` multiples of 1, 2, 2.5 or 5 times a power of ten (Heckbert, "Nice
    numbers for graph labels", Graphics Gems, 1990, with 2.5 added).
    """
    if not low < high:
        pad = abs(low) / 10 or 1.0
        low, high = low - pad, high + pad
    pad = 0.04 * (high - low)
    low, high = (low - pad if low else 0.0), (high + pad if high else 0.0)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(low, high, [float(f"{i * step:.12g}") for i in range(first, last + 1)])


def tick_labels(ticks: list[float]) -> list[str]:
    """The ticks as text, all with the decimals that their step needs; k and M for thousands."""
    step = ticks[1] - ticks[0]
    largest = max(abs(ticks[0]), abs(ticks[-1]))
    unit, suffix = next(
        (u, s) for u, s in ((1e9, " G"), (1e6, " M"), (1e4, " k"), (0, "")) if largest >= u
    )
    unit = {1e4: 1e3, 0: 1.0}.get(unit, unit)
    decimals = next((d for d in range(12) if _is_whole(step / unit * 10**d)), 12)
    labels = [f"{tick / unit:.{decimals}f}{suffix if tick else ''}" for tick in ticks]
    return [label.replace("-", "−") for label in labels]


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6 * max(abs(value), 1e-300) and round(value) != 0


def _format_number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")  # + 0.0 turns -0.0 into 0.0
