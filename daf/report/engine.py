"""Report of `engine_benchmark`: speed of the simulator and of mettagrid, measured in one run."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from daf.report.cells import DASH, Cell, Table
from daf.report.charts import IntervalChart
from daf.report.page import render_template
from daf.report.score_charts import IntervalRow

RATE_UNIT = 1e6
INTERVAL_TEXT = "minimum to maximum of the repeats"


def render_speed_report(speed_measurements: Sequence[Mapping[str, Any]]) -> str:
    """Render the report.

    Args:
        speed_measurements: results of `daf.sim.benchmark.measure_speed` on one machine; at least
            one.

    Returns:
        HTML text.
    """
    origin = speed_measurements[0]["origin"]
    hardware = origin["hardware"]
    missing = {item["no_mettagrid"] for item in speed_measurements if item["threads"] == 1} - {None}
    return render_template(
        "engine.html.j2",
        speeds=_speed_table(speed_measurements),
        charts=list(build_speed_chart_by_mission(speed_measurements).items()),
        missing=sorted(missing),
        phases=_step_time_fractions_by_phase_table(speed_measurements),
        machine=hardware["gpu"] or hardware["processor"],
        platform=origin["platform"],
        versions=origin["versions"],
    )


def _speed_table(measurements: Sequence[Mapping[str, Any]]) -> Table:
    columns = ["mission", "threads", "million agent-steps/s", "mettagrid", "speed ratio"]
    columns += ["device", "worlds", "tokens", "mettagrid tokens"]
    return Table("Speeds", columns, [_speed_row(item) for item in measurements])


def _speed_row(measurement: Mapping[str, Any]) -> list[Cell]:
    mettagrid = measurement["mettagrid"]
    rate, ratio, tokens = [Cell(DASH)] * 3
    if mettagrid:
        rate = _median_range_cell(mettagrid["rates"], RATE_UNIT)
        ratio = _median_range_cell(measurement["ratios"], 1, is_strong=True)
        tokens = Cell(f"{mettagrid['tokens_in_use']:.0f}", mettagrid["tokens_in_use"])
    return [
        Cell(measurement["mission"]),
        Cell(f"{measurement['threads']}", measurement["threads"]),
        _median_range_cell(measurement["rates"], RATE_UNIT),
        rate,
        ratio,
        Cell(measurement["device"]),
        Cell(f"{measurement['worlds']}", measurement["worlds"]),
        Cell(f"{measurement['tokens_in_use']:.0f}", measurement["tokens_in_use"]),
        tokens,
    ]


def _median_range_cell(values: Sequence[float], divisor: float, is_strong: bool = False) -> Cell:
    low, median, high = (f(values) / divisor for f in (min, statistics.median, max))
    return Cell(f"{median:.3g} ({low:.3g} to {high:.3g})", median, is_strong)


def build_speed_chart_by_mission(
    measurements: Sequence[Mapping[str, Any]],
) -> dict[str, IntervalChart]:
    """Return one chart per mission, with one row per engine."""
    charts = {}
    for mission in dict.fromkeys(item["mission"] for item in measurements):
        rows = []
        for item in (item for item in measurements if item["mission"] == mission):
            rows.append(
                _rate_chart_row(f"DAF, threads: {item['threads']}", item["rates"], is_best=True)
            )
            if item["mettagrid"]:
                name = f"mettagrid {item['mettagrid']['version']}"
                rows.append(_rate_chart_row(name, item["mettagrid"]["rates"], is_best=False))
        title = f"Speed on {mission}"
        unit = "million agent-steps/s"
        charts[mission] = IntervalChart(
            rows, title=title, unit=unit, interval_description=INTERVAL_TEXT
        )
    return charts


def _rate_chart_row(engine_name: str, rates: Sequence[float], is_best: bool) -> IntervalRow:
    low, median, high = (f(rates) / RATE_UNIT for f in (min, statistics.median, max))
    has_range = len(rates) > 1
    return IntervalRow(
        engine_name, median, low if has_range else None, high if has_range else None, is_best
    )


def _step_time_fractions_by_phase_table(measurements: Sequence[Mapping[str, Any]]) -> Table:
    phases = list(dict.fromkeys(phase for item in measurements for phase in item["phases"]))
    rows = [
        [
            Cell(item["mission"]),
            Cell(item["device"]),
            *(
                Cell(f"{100 * item['phases'][phase]:.0f} %", item["phases"][phase])
                for phase in phases
            ),
        ]
        for item in measurements
        if item["phases"]
    ]
    return Table("Time of each phase", ["mission", "device", *phases], rows)
