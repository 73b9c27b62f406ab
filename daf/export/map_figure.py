"""Figure of the map of a mission: walls, stations with their letters, and agents."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from daf.export.figure_style import (
    COLUMN_INCHES,
    POINTS_PER_INCH,
    TEXT_POINTS,
    add_legend_and_count_lines,
    size_to_column_and_add_axes,
)
from daf.missions.world_image import FLOOR, INK, LETTER, STATION_COLORS, WALL
from daf.report.charts import MapChart
from daf.report.map_chart import assign_colors_to_station_symbols, symbol_meaning

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEGEND_LINE_INCHES = 0.135
MIN_LETTER_POINTS = 4
"""Smallest letters of stations; on maps with smaller cells, colors alone tell stations apart."""


def draw_map(chart: MapChart, figure: "Figure") -> None:
    """Draw a map with one square per cell, and a legend of its stations."""
    from matplotlib.collections import PatchCollection
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyBboxPatch, Rectangle

    rows, columns = len(chart.map_rows), max(map(len, chart.map_rows))
    colors = assign_colors_to_station_symbols(chart.map_rows, chart.legend)
    axes = size_to_column_and_add_axes(figure, COLUMN_INCHES)
    cell_points = COLUMN_INCHES * POINTS_PER_INCH / columns
    axes.add_patch(Rectangle((0, 0), columns, rows, facecolor=FLOOR, edgecolor="none"))
    for row, line in enumerate(chart.map_rows):
        for column, symbol in enumerate(line):
            meaning = symbol_meaning(symbol, chart.legend)
            if meaning == "agent":
                axes.plot([column + 0.5], [row + 0.5], "o", color=INK, markeredgewidth=0,
                          markersize=0.55 * cell_points)  # fmt: skip
            elif symbol in colors:
                box = FancyBboxPatch(
                    (column + 0.2, row + 0.2),
                    0.6,
                    0.6,
                    boxstyle="round,pad=0.15,rounding_size=0.15",
                    facecolor=STATION_COLORS[colors[symbol]],
                    edgecolor="none",
                )
                axes.add_patch(box)
                if 0.6 * cell_points >= MIN_LETTER_POINTS:
                    axes.text(column + 0.5, row + 0.5, symbol, ha="center", va="center",
                              color=LETTER, fontsize=min(0.6 * cell_points, TEXT_POINTS),
                              fontweight="bold")  # fmt: skip
    # A thin edge of the same color hides the gaps that viewers show between rows.
    walls = [Rectangle((start, row), length, 1) for row, start, length in _find_wall_runs(chart)]
    axes.add_collection(PatchCollection(walls, facecolor=WALL, edgecolor=WALL, linewidth=0.2))
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    axes.set_aspect("equal")
    axes.set_axis_off()
    handles = [
        Line2D([], [], marker="s", linestyle="", markersize=6, color=STATION_COLORS[color])
        for color in colors.values()
    ]
    labels = [f"{s}  {symbol_meaning(s, chart.legend).replace('_', ' ')}" for s in colors]
    agent = Line2D([], [], marker="o", linestyle="", markersize=4, color=INK)
    lines = add_legend_and_count_lines(figure, [*handles, agent], [*labels, "agent start"])
    height = COLUMN_INCHES * rows / columns + LEGEND_LINE_INCHES * lines
    figure.set_size_inches(COLUMN_INCHES, height)


class _WallRun(NamedTuple):
    row: int
    first_column: int
    length: int


def _find_wall_runs(chart: MapChart) -> Iterator[_WallRun]:
    """Yield each horizontal run of walls."""
    for row, line in enumerate(chart.map_rows):
        column = 0
        for is_wall, symbols in groupby(line, lambda s: symbol_meaning(s, chart.legend) == "wall"):
            length = len(list(symbols))
            if is_wall:
                yield _WallRun(row, column, length)
            column += length
