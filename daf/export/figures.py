"""Export of all charts of the reports as figures for papers."""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from daf.config import ConfigError
from daf.export.figure_style import COLUMN_INCHES, use_figure_style
from daf.export.invalid_results import ReportProblem, raise_or_report_invalid_result
from daf.export.map_figure import draw_map
from daf.export.names import unique_file_names
from daf.export.report_charts import find_report_charts
from daf.export.score_figures import (
    draw_cross_play,
    draw_intervals,
    draw_learning_curves,
    draw_profiles,
)
from daf.export.sweep_figures import draw_confirmation, draw_slice, draw_trial_objectives
from daf.files.safe_write import atomic_write, make_folder_within
from daf.report.charts import (
    Chart,
    ConfirmationChart,
    CrossPlayChart,
    IntervalChart,
    LearningCurveChart,
    MapChart,
    ProfileChart,
    RoundsChart,
    SliceChart,
)

DRAW_FUNCTION_BY_CHART: dict[type[Chart], Callable[[Any, Any], None]] = {
    IntervalChart: draw_intervals,
    LearningCurveChart: draw_learning_curves,
    ProfileChart: draw_profiles,
    CrossPlayChart: draw_cross_play,
    MapChart: draw_map,
    SliceChart: draw_slice,
    RoundsChart: draw_trial_objectives,
    ConfirmationChart: draw_confirmation,
}
METADATA_WITHOUT_TIME = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def export_figures(
    results_dir: str | Path, folder: str | Path, report_problem: ReportProblem = None
) -> list[Path]:
    """Write every chart of every report as SVG and PDF, 3.3 inches (84 mm) wide.

    The files of a report are in the folder that has the path of its report in the results folder,
    such as `FOLDER/benchmarks/NAME/scores_overall.pdf`. Fonts are embedded. Equal results give
    equal files.

    Args:
        results_dir: results folder.
        folder: folder of the figures; made if it is missing.
        report_problem: receives one line for each report or chart that is left out.

    Returns:
        paths of the files.

    Raises:
        ConfigError: no report, no matplotlib, or an invalid file and no `report_problem`; one line.
        OSError: a file cannot be written.
    """
    if find_spec("matplotlib") is None:
        raise ConfigError(
            "daf export figures: package 'matplotlib' is missing; pip install 'daf[figures]'"
        )
    paths: list[Path] = []
    for report_folder, charts in find_report_charts(results_dir, report_problem):
        target = Path(folder, report_folder)
        make_folder_within(target, folder)
        for name, chart in zip(unique_file_names(charts), charts.values()):
            with raise_or_report_invalid_result(f"{report_folder}/{name}", report_problem):
                paths += _write_figure(chart, target / name, f"{report_folder}/{name}")
    return paths


def _write_figure(chart: Chart, path_without_suffix: Path, title: str) -> list[Path]:
    """Write a chart in both formats; return the paths."""
    from matplotlib.figure import Figure

    paths = []
    with use_figure_style(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # characters that the font lacks, ranges without extent
        figure = Figure(figsize=(COLUMN_INCHES, COLUMN_INCHES), layout="constrained")
        DRAW_FUNCTION_BY_CHART[type(chart)](chart, figure)
        for suffix, metadata in METADATA_WITHOUT_TIME.items():
            path = path_without_suffix.with_name(f"{path_without_suffix.name}.{suffix}")
            with atomic_write(path) as file:
                figure.savefig(file, format=suffix, metadata=metadata | {"Title": title})
            paths.append(path)
    return paths
