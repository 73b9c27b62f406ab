"""Style of figures for papers: size of a column, sizes of text, and colors of the report."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from daf.export.names import printable_line
from daf.missions.world_image import AGENT_COLORS
from daf.report.svg import truncate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN_INCHES = 3.3
POINTS_PER_INCH = 72
TEXT_POINTS, SMALL_POINTS = 7.5, 7.0
CHARACTER_POINTS = 4.3
"""Mean width of a character of the text, to reserve space for labels."""

LABEL_CHARACTERS = 26
SERIES_COLORS = AGENT_COLORS
GRID, CEILING, MUTED, BEST = "#dfe2e5", "#a3450b", "#566069", "#0a6078"

STYLE: Any = {
    "font.family": "DejaVu Sans",  # part of matplotlib, so that all machines draw the same
    "font.size": TEXT_POINTS,
    "axes.labelsize": TEXT_POINTS,
    "legend.fontsize": SMALL_POINTS,
    "xtick.labelsize": SMALL_POINTS,
    "ytick.labelsize": SMALL_POINTS,
    "axes.linewidth": 0.6,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.0,
    "lines.linewidth": 1.25,
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.02,
    # Names may contain $, which begins a formula elsewhere.
    "text.parse_math": False,
    # Fonts are part of the file: TrueType subsets in PDF, outlines of the glyphs in SVG, which
    # every program shows alike. A fixed salt makes the identifiers of an SVG reproducible.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "daf",
}


@contextmanager
def use_figure_style() -> Iterator[None]:
    """Use the style, and nothing of the user's own settings of matplotlib, within a block."""
    import matplotlib

    # The library that makes subsets of fonts logs each step.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def size_to_column_and_add_axes(figure: "Figure", height_inches: float) -> "Axes":
    """Give a figure its height, and return its only axes."""
    figure.set_size_inches(COLUMN_INCHES, height_inches)
    return figure.subplots()


def add_legend_and_count_lines(
    figure: "Figure", handles: Sequence[Any], labels: Sequence[str]
) -> int:
    """Add a legend above the axes, with as many columns as fit; return its number of lines."""
    texts = [shorten(label) for label in labels]
    entry_points = 24 + CHARACTER_POINTS * max(map(len, texts), default=0)
    columns = int(COLUMN_INCHES * POINTS_PER_INCH / entry_points)
    columns = min(max(columns, 1), len(texts))
    figure.legend(
        handles,
        texts,
        loc="outside upper left",
        ncols=columns,
        columnspacing=1.2,
        labelspacing=0.3,
        handletextpad=0.6,
    )
    return math.ceil(len(texts) / columns)


def shorten(text: str, max_characters: int = LABEL_CHARACTERS) -> str:
    """Return a text of one printable line, cut to a number of characters."""
    return truncate(printable_line(text), max_characters)


def series_style(style_index: int) -> dict[str, Any]:
    """Return color and dashes of a series; from the 9th on, lines are dashed."""
    dashes = "--" if style_index >= len(SERIES_COLORS) else "-"
    return {"color": SERIES_COLORS[style_index % len(SERIES_COLORS)], "linestyle": dashes}


def emphasis_color(is_best: bool) -> str:
    """Return the color of the best row, or of another one."""
    return BEST if is_best else MUTED
