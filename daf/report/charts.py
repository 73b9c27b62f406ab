"""Data of the charts of all reports. In a template, a chart is its SVG text.

`daf.export.figures` draws the same data for papers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from markupsafe import Markup

from daf.report.cross_play_chart import cross_play_matrix_chart
from daf.report.learning_curve_chart import LearningCurve, learning_curve_chart
from daf.report.map_chart import map_chart
from daf.report.result_types import CrossPlayPair
from daf.report.score_charts import IntervalRow, interval_chart, performance_profile_chart
from daf.report.sweep_charts import confirmation_chart, rounds_chart, slice_chart
from daf.stats.profiles import Profile


class Chart:
    """Data of a chart.

    Attributes:
        draw_svg: function that draws the chart; its arguments are the other attributes.
    """

    draw_svg: ClassVar[Callable[..., Markup]]

    def __html__(self) -> Markup:
        return type(self).draw_svg(**vars(self))


@dataclass(frozen=True)
class IntervalChart(Chart):
    """Means and intervals; see `interval_chart` for the attributes."""

    rows: Sequence[IntervalRow]
    title: str
    unit: str
    interval_description: str
    ceiling: float | None = None
    draw_svg = staticmethod(interval_chart)


@dataclass(frozen=True)
class LearningCurveChart(Chart):
    """Score against agent-steps; see `learning_curve_chart` for the attributes."""

    curves: Sequence[LearningCurve]
    title: str
    score_unit: str
    ceiling: float | None = None
    draw_svg = staticmethod(learning_curve_chart)


@dataclass(frozen=True)
class ProfileChart(Chart):
    """Performance profiles; see `performance_profile_chart` for the attributes."""

    profile: Profile
    style_index_by_policy: Mapping[str, int]
    title: str
    score_unit: str
    draw_svg = staticmethod(performance_profile_chart)


@dataclass(frozen=True)
class CrossPlayChart(Chart):
    """Matrix of the means of all pairs; see `cross_play_matrix_chart` for the attributes."""

    pairs: Sequence[CrossPlayPair]
    title: str
    score_unit: str
    confidence_level: str
    draw_svg = staticmethod(cross_play_matrix_chart)


@dataclass(frozen=True)
class MapChart(Chart):
    """Map of a mission; see `map_chart` for the attributes."""

    map_rows: Sequence[str]
    legend: Mapping[str, str]
    title: str
    draw_svg = staticmethod(map_chart)


@dataclass(frozen=True)
class SliceChart(Chart):
    """Objective of each trial against one hyperparameter; see `slice_chart`."""

    points: Sequence[Mapping[str, Any]]
    hyperparameter: str
    objective_name: str
    is_log_scale: bool
    draw_svg = staticmethod(slice_chart)


@dataclass(frozen=True)
class RoundsChart(Chart):
    """Objective of trials by round; see `rounds_chart` for the attributes."""

    trial_lines: Sequence[Mapping[str, Any]]
    x_name: str
    objective_name: str
    description: str
    draw_svg = staticmethod(rounds_chart)


@dataclass(frozen=True)
class ConfirmationChart(Chart):
    """Finalists in the search and on unseen seeds; see `confirmation_chart`."""

    finalists: Sequence[Mapping[str, Any]]
    objective_name: str
    interval_unit_name: str
    draw_svg = staticmethod(confirmation_chart)
