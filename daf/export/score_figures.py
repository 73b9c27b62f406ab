"""Figures of scores: intervals, learning curves, performance profiles and cross-play."""

from typing import TYPE_CHECKING

from daf.export.figure_style import (
    BEST,
    CEILING,
    CHARACTER_POINTS,
    COLUMN_INCHES,
    POINTS_PER_INCH,
    SMALL_POINTS,
    add_legend_and_count_lines,
    emphasis_color,
    series_style,
    shorten,
    size_to_column_and_add_axes,
)
from daf.missions.world_image import mix_colors
from daf.report.cells import DASH, format_score_in_unit, interval_cell
from daf.report.charts import CrossPlayChart, IntervalChart, LearningCurveChart, ProfileChart
from daf.report.learning_curve_chart import LearningCurve, collect_steps_and_scores
from daf.report.score_charts import format_ceiling_label
from daf.report.svg import include_zero_if_near
from daf.stats.estimate import SHARE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

BAND_OPACITY, SEED_OPACITY = 0.15, 0.45
MIN_SHADE, MAX_SHADE = 0.06, 0.45
"""Share of the accent color in the cells with the lowest and the highest mean."""


def draw_intervals(chart: IntervalChart, figure: "Figure") -> None:
    """Draw means and intervals, with one row per policy."""
    axes = size_to_column_and_add_axes(figure, 0.55 + 0.19 * len(chart.rows))
    values = [value for row in chart.rows for value in (row.mean, row.low, row.high)]
    finite_values = [value for value in values if value is not None]
    ceiling = (
        None if chart.ceiling is None or chart.ceiling > 3 * max(finite_values) else chart.ceiling
    )
    low, high = include_zero_if_near(
        min(finite_values), max([*finite_values, *([] if ceiling is None else [ceiling])])
    )
    padding = 0.04 * (high - low or abs(high) or 1.0)
    axes.set_xlim(low - padding, high + padding)
    for y, row in enumerate(reversed(chart.rows)):
        color = emphasis_color(row.is_best)
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [y, y], color=color, marker="|", markersize=4)
        axes.plot([row.mean], [y], "o", color=color, markersize=4.5, clip_on=False, zorder=3)
        axes.text(
            1.03,
            y,
            format_score_in_unit(row.mean, chart.unit),
            transform=axes.get_yaxis_transform(),
            va="center",
        )
    axes.set_yticks(range(len(chart.rows)), [shorten(row.label) for row in reversed(chart.rows)])
    for label, row in zip(axes.get_yticklabels(), reversed(chart.rows)):
        label.set_fontweight("bold" if row.is_best else "normal")
    axes.set_ylim(-0.6, len(chart.rows) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_xlabel(chart.unit)
    _format_axis_in_percent_if_shares(axes.xaxis, chart.unit)
    if ceiling is not None:
        axes.axvline(ceiling, color=CEILING, linestyle="--", linewidth=0.8)
        place = axes.get_xaxis_transform()
        axes.text(ceiling, 1.02, format_ceiling_label(ceiling, chart.unit), color=CEILING,
                  transform=place,
                  fontsize=SMALL_POINTS, ha="right" if ceiling > 0.8 * high else "center",
                  va="bottom")  # fmt: skip


def draw_learning_curves(chart: LearningCurveChart, figure: "Figure") -> None:
    """Draw means over seeds, single seeds, their range, and the evaluations during training."""
    axes = size_to_column_and_add_axes(figure, 2.2)
    _, scores = collect_steps_and_scores(chart.curves)
    handles = [_draw_learning_curve(curve, axes) for curve in chart.curves]
    low, high = include_zero_if_near(min(scores), max(scores))
    if chart.ceiling is not None and chart.ceiling <= 3 * max(scores):
        axes.axhline(chart.ceiling, color=CEILING, linestyle="--", linewidth=0.8)
        place = axes.get_yaxis_transform()
        axes.text(1.0, chart.ceiling, f"ceiling {chart.ceiling:g}", color=CEILING, transform=place,
                  fontsize=SMALL_POINTS, ha="right", va="bottom")  # fmt: skip
        high = max(high, chart.ceiling)
    high = high if low < high else low + 1.0  # a policy that never scored has a flat curve
    padding = 0.05 * (high - low)
    axes.set_ylim(low - padding if low else 0.0, high + padding)
    axes.set_xlim(left=0)
    axes.margins(x=0.02)
    _format_x_axis_as_agent_steps(axes)
    axes.set_ylabel(chart.score_unit)
    _format_axis_in_percent_if_shares(axes.yaxis, chart.score_unit)
    axes.grid(axis="y")
    add_legend_and_count_lines(figure, handles, [curve.policy_label for curve in chart.curves])


def _draw_learning_curve(curve: LearningCurve, axes: "Axes") -> "Line2D":
    """Draw one curve; return the line for the legend."""
    style = series_style(curve.style_index)
    color = style["color"]
    if len(curve.steps_and_scores_per_seed) > 1:
        for steps, scores in curve.steps_and_scores_per_seed:
            axes.plot(steps, scores, color=color, linewidth=0.5, alpha=SEED_OPACITY)
        low, high = curve.min_over_seeds, curve.max_over_seeds
        axes.fill_between(curve.steps, low, high, color=color, alpha=BAND_OPACITY, linewidth=0)
    marker = "o" if len(curve.steps) == 1 else None
    [line] = axes.plot(curve.steps, curve.mean, marker=marker, markersize=3, **style)
    for point in curve.evaluations:
        if point.low is not None and point.high is not None:
            axes.plot([point.steps] * 2, [point.low, point.high], color=color, linewidth=0.8)
    axes.plot(
        [point.steps for point in curve.evaluations],
        [point.mean for point in curve.evaluations],
        "o",
        color=color,
        markerfacecolor="white",
        markersize=3.5,
        markeredgewidth=0.9,
        clip_on=False,
        zorder=3,
    )
    return line


def draw_profiles(chart: ProfileChart, figure: "Figure") -> None:
    """Draw the fraction of episodes with at least a score, one line per policy."""
    axes = size_to_column_and_add_axes(figure, 2.2)
    thresholds = chart.profile["thresholds"]
    styles = chart.style_index_by_policy
    curves = sorted(chart.profile["curves"], key=lambda curve: styles[curve["policy"]])
    handles = []
    for curve in curves:
        style = series_style(styles[curve["policy"]])
        if curve["low"][0] is not None:
            axes.fill_between(thresholds, curve["low"], curve["high"], color=style["color"],
                              alpha=BAND_OPACITY, linewidth=0)  # fmt: skip
        handles += axes.plot(thresholds, curve["share"], **style)
    axes.set_xlim(thresholds[0], thresholds[-1])
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid(axis="y")
    axes.set_xlabel(f"minimum score ({chart.score_unit})")
    _format_axis_in_percent_if_shares(axes.xaxis, chart.score_unit)
    axes.set_ylabel("fraction of episodes")
    add_legend_and_count_lines(figure, handles, [curve["policy"] for curve in curves])


def draw_cross_play(chart: CrossPlayChart, figure: "Figure") -> None:
    """Draw the matrix of the mean scores of all pairs of policies."""
    from matplotlib.patches import Rectangle

    pair_by_names = {names: pair for pair in chart.pairs for names in
                     ((pair["a"], pair["b"]), (pair["b"], pair["a"]))}  # fmt: skip
    policies = sorted({name for names in pair_by_names for name in names})
    axes = size_to_column_and_add_axes(figure, 0.25 + 0.3 * len(policies))
    labels = [f"{n} {shorten(name, 18)}" for n, name in enumerate(policies, start=1)]
    cell_points = COLUMN_INCHES * POINTS_PER_INCH - CHARACTER_POINTS * max(map(len, labels))
    cell_points /= len(policies)
    means = [pair["mean"] for pair in chart.pairs]
    low, span = min(means), max(means) - min(means)
    for (first, second), pair in pair_by_names.items():
        row, column = policies.index(first), policies.index(second)
        shade = MIN_SHADE + (MAX_SHADE - MIN_SHADE) * ((pair["mean"] - low) / span if span else 0.5)
        color = mix_colors(BEST, "#ffffff", shade)
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=color, edgecolor="white"))
        interval = interval_cell(pair, score_unit=chart.score_unit).text.replace(" to ", "–")
        has_interval = interval != DASH and CHARACTER_POINTS * len(interval) < cell_points
        text = format_score_in_unit(pair["mean"], chart.score_unit)
        size = min(SMALL_POINTS, SMALL_POINTS * cell_points / (CHARACTER_POINTS * len(text) + 2))
        axes.text(column + 0.5, row + (0.32 if has_interval else 0.5), text, fontsize=size,
                  fontweight="bold", ha="center", va="center")  # fmt: skip
        if has_interval:
            axes.text(column + 0.5, row + 0.7, interval, fontsize=SMALL_POINTS, ha="center",
                      va="center")  # fmt: skip
    positions = [index + 0.5 for index in range(len(policies))]
    axes.set_xticks(positions, [str(n) for n in range(1, len(policies) + 1)])
    axes.set_yticks(positions, labels)
    axes.set_xlim(0, len(policies))
    axes.set_ylim(len(policies), 0)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _format_axis_in_percent_if_shares(axis: "XAxis | YAxis", score_unit: str) -> None:
    """Show shares of the ceiling in percent."""
    from matplotlib.ticker import PercentFormatter

    if score_unit == SHARE:
        axis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))


def _format_x_axis_as_agent_steps(axes: "Axes") -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.set_xlabel("agent-steps")
