"""The page of `engine_benchmark`: how fast the simulator is, beside mettagrid in the same run."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from daf.report.page import render_template
from daf.report.score_charts import interval_chart
from daf.report.tables import DASH, Cell, Table

MILLION = 1e6
SPREAD = "least to greatest of the repeats"


def engine_page(found: Sequence[Mapping[str, Any]]) -> str:
    """The page as HTML text.

    Args:
        found: what `daf.sim.benchmark.measure` returned, one or more of one machine.
    """
    origin = found[0]["origin"]
    hardware = origin["hardware"]
    missing = {item["no_mettagrid"] for item in found if item["threads"] == 1} - {None}
    return render_template(
        "engine.html.j2",
        speeds=_speeds(found),
        charts=_charts(found),
        missing=sorted(missing),
        phases=_phases(found),
        machine=hardware["gpu"] or hardware["processor"],
        platform=origin["platform"],
        versions=origin["versions"],
    )


def _speeds(found: Sequence[Mapping]) -> Table:
    columns = ["mission", "device", "threads", "worlds", "tokens in use", "million agent-steps/s"]
    rival = ["mettagrid", "its tokens in use", "times its speed"]
    return Table("Speeds", [*columns, *rival], [_row(item) for item in found])


def _row(item: Mapping) -> list[Cell]:
    other = item["mettagrid"]
    compared = [Cell(DASH)] * 3
    if other:
        tokens = other["tokens_in_use"]
        compared = [
            _spread(other["rates"], MILLION),
            Cell(f"{tokens:.0f}", tokens),
            _spread(item["ratios"], 1, strong=True),
        ]
    return [
        Cell(item["mission"]),
        Cell(item["device"]),
        Cell(f"{item['threads']}", item["threads"]),
        Cell(f"{item['worlds']}", item["worlds"]),
        Cell(f"{item['tokens_in_use']:.0f}", item["tokens_in_use"]),
        _spread(item["rates"], MILLION),
        *compared,
    ]


def _spread(values: Sequence[float], unit: float, strong: bool = False) -> Cell:
    low, middle, high = (f(values) / unit for f in (min, statistics.median, max))
    return Cell(f"{middle:.3g} ({low:.3g} to {high:.3g})", middle, strong)


def _charts(found: Sequence[Mapping]) -> list[tuple[str, Markup]]:
    """A chart for each mission: every engine a row."""
    charts = []
    for mission in dict.fromkeys(item["mission"] for item in found):
        rows = []
        for item in (item for item in found if item["mission"] == mission):
            rows.append(_bar(f"DAF, threads: {item['threads']}", item["rates"], best=True))
            if item["mettagrid"]:
                name = f"mettagrid {item['mettagrid']['version']}"
                rows.append(_bar(name, item["mettagrid"]["rates"], best=False))
        title = f"Speed on {mission}"
        unit = "million agent-steps/s"
        charts.append((mission, interval_chart(rows, title=title, unit=unit, interval=SPREAD)))
    return charts


def _bar(name: str, rates: Sequence[float], best: bool) -> dict[str, Any]:
    low, middle, high = (f(rates) / MILLION for f in (min, statistics.median, max))
    return {"policy": name, "mean": middle, "low": low, "high": high, "best": best}


def _phases(found: Sequence[Mapping]) -> Table:
    phases = list(dict.fromkeys(phase for item in found for phase in item["phases"]))
    rows = [
        [
            Cell(item["mission"]),
            Cell(item["device"]),
            *(
                Cell(f"{100 * item['phases'][phase]:.0f} %", item["phases"][phase])
                for phase in phases
            ),
        ]
        for item in found
        if item["phases"]
    ]
    return Table("Where the time goes", ["mission", "device", *phases], rows)
