"""Figures of a sweep: slices of the search space, rounds and confirmation."""

from typing import TYPE_CHECKING, Any

from daf.export.figure_style import (
    CHARACTER_POINTS,
    COLUMN_INCHES,
    POINTS_PER_INCH,
    add_legend_and_count_lines,
    emphasis_color,
    shorten,
    size_to_column_and_add_axes,
)
from daf.report.charts import ConfirmationChart, RoundsChart, SliceChart
from daf.report.sweep_charts import category_name, is_numeric_axis
from daf.stats import format_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_slice(chart: SliceChart, figure: "Figure") -> None:
    """Draw the objective of each trial against one hyperparameter."""
    axes = size_to_column_and_add_axes(figure, 1.9)
    values = [point["value"] for point in chart.points]
    if is_numeric_axis(values):
        positions = values
        _set_number_x_axis(axes, values, chart.is_log_scale)
    else:
        positions = _set_categories_and_find_positions(axes, values)
    # The best trial is drawn last, on top of the others.
    for x, point in sorted(zip(positions, chart.points), key=lambda pair: pair[1]["best"]):
        color = emphasis_color(point["best"])
        if point["low"] is not None:
            axes.plot([x, x], [point["low"], point["high"]], color=color, linewidth=0.9)
        axes.plot([x], [point["objective"]], "o", color=color, markersize=4)
    axes.margins(0.08)
    axes.grid(axis="y")
    axes.set_xlabel(chart.hyperparameter)
    axes.set_ylabel(chart.objective_name)


def _set_number_x_axis(axes: "Axes", values: list[Any], is_log_scale: bool) -> None:
    """Set scale, ticks and labels of the horizontal axis, without formulas such as 10^3."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    if is_log_scale:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=7))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        are_integers = all(isinstance(value, int) for value in values)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=are_integers))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _set_categories_and_find_positions(axes: "Axes", values: list[Any]) -> list[int]:
    """Label the horizontal axis with the categories; return the position of each value."""
    texts = [category_name(value) for value in values]
    names = sorted(set(texts))
    characters = int(COLUMN_INCHES * POINTS_PER_INCH / len(names) / CHARACTER_POINTS)
    axes.set_xticks(range(len(names)), [shorten(name, max(characters, 3)) for name in names])
    axes.set_xlim(-0.5, len(names) - 0.5)
    return [names.index(text) for text in texts]


def draw_trial_objectives(chart: RoundsChart, figure: "Figure") -> None:
    """Draw the objective of each trial by round, with a line for several points."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes = size_to_column_and_add_axes(figure, 1.9)
    for line in sorted(chart.trial_lines, key=lambda line: line["best"]):
        xs, ys = zip(*line["points"])
        color = emphasis_color(line["best"])
        axes.plot(xs, ys, "o-", color=color, markersize=3.5, linewidth=0.9)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.margins(y=0.08)
    axes.grid(axis="y")
    axes.set_xlabel(chart.x_name)
    axes.set_ylabel(chart.objective_name)


def draw_confirmation(chart: ConfirmationChart, figure: "Figure") -> None:
    """Draw the objective of the finalists in the search (ring) and on unseen seeds (dot)."""
    from matplotlib.lines import Line2D

    axes = size_to_column_and_add_axes(figure, 0.75 + 0.3 * len(chart.finalists))
    for index, finalist in enumerate(chart.finalists):
        y, color = -index, emphasis_color(index == 0)
        if finalist["low"] is not None:
            axes.plot([finalist["low"], finalist["high"]], [y, y], color=color, marker="|",
                      markersize=4)  # fmt: skip
        axes.plot([finalist["searched"]], [y], "o", color=color, markerfacecolor="none",
                  markersize=5)  # fmt: skip
        if finalist["mean"] is not None:
            axes.plot([finalist["mean"]], [y], "o", color=color, markersize=4.5)
            axes.text(1.03, y, format_score(finalist["mean"]),
                      transform=axes.get_yaxis_transform(), va="center")  # fmt: skip
        axes.text(0.0, y + 0.3, shorten(finalist["trial"], 48), va="center",
                  fontweight="normal" if index else "bold",
                  transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_ylim(-len(chart.finalists) + 0.5, 0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.06)
    axes.grid(axis="x")
    axes.set_xlabel(f"{chart.objective_name} (intervals over {chart.interval_unit_name})")
    ring = Line2D([], [], marker="o", linestyle="", color="black", markerfacecolor="none")
    dot = Line2D([], [], marker="o", linestyle="", color="black")
    add_legend_and_count_lines(figure, [ring, dot], ["search", "unseen seeds"])
