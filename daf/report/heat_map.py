"""Heat map of the report: share of the ceiling of each policy on each mission."""

from typing import Any, NamedTuple

from daf.report.cells import (
    DASH,
    NO_VARIATION,
    Cell,
    Table,
    count_cell,
    format_interval_or_placeholder,
    format_range,
    format_score_in_unit,
    format_with_short_unit,
    independent_unit_count_cell,
    interval_cell,
)
from daf.report.result_types import Estimate
from daf.report.tables import order_policies_by_rank
from daf.stats.analyse import Statistics
from daf.stats.estimate import SHARE

NUM_LEVELS = 11
"""Number of colors in the style sheet, from 0 % to 100 % of the ceiling."""


class HeatCell(NamedTuple):
    """One value of the heat map.

    Attributes:
        text: visible text.
        interval: model-based interval in the unit of the text; None without one.
        hover_text: value with its intervals, shown on hover.
        color_index: index of the color; None without a color.
        is_best: true for the highest mean of the column.
    """

    text: str
    interval: str | None
    hover_text: str
    color_index: int | None
    is_best: bool


class HeatColumnHeading(NamedTuple):
    """Heading of a column of the heat map: name, and unit or ceiling below it."""

    name: str
    subtitle: str


def heat_map_section(stats: Statistics, ceilings: dict[str, float | None]) -> dict[str, Any]:
    """Return columns, rows, texts and table of the heat map.

    Args:
        stats: result of `daf.stats.analyse`.
        ceilings: ceiling of each mission; None if unknown.
    """
    has_overall = len(stats["overall_missions"]) > 1
    missions: list[str | None] = [*([None] if has_overall else []), *stats["missions"]]
    items = {(i["policy"], i["mission"]): i for i in [*stats["overall"], *stats["estimates"]]}
    best = {m: stats["mission_verdicts"][m]["best_policies"] for m in stats["missions"]}
    policies = order_policies_by_rank(stats)
    return {
        "columns": [_heat_column_heading(mission, stats, ceilings) for mission in missions],
        "rows": [
            (policy, [_heat_cell(items.get((policy, m)), m, stats, best) for m in missions])
            for policy in policies
        ],
        "num_levels": NUM_LEVELS,
        "has_shares": any(item["gap"] is not None for item in items.values()),
        "without_ceiling": [m for m in stats["missions"] if not _has_any_ceiling_share(stats, m)],
        "left_out": stats["overall_left_out"],
        "table": _heat_map_numbers_table(
            [items[p, m] for p in policies for m in missions if (p, m) in items], stats
        ),
    }


def _has_any_ceiling_share(stats: Statistics, mission_name: str) -> bool:
    items = (item for item in stats["estimates"] if item["mission"] == mission_name)
    return any(item["gap"] is not None for item in items)


def _heat_column_heading(
    mission_name: str | None, stats: Statistics, ceilings: dict[str, float | None]
) -> HeatColumnHeading:
    if mission_name is None:
        return HeatColumnHeading("Overall", f"mean of {len(stats['overall_missions'])} missions")
    ceiling = ceilings.get(mission_name)
    if not _has_any_ceiling_share(stats, mission_name):
        return HeatColumnHeading(mission_name, "hearts; no known ceiling")
    return HeatColumnHeading(mission_name, "" if ceiling is None else f"ceiling {ceiling:g} hearts")


def _heat_cell(
    item: Estimate | None,
    mission_name: str | None,
    stats: Statistics,
    best_policies_by_mission: dict[str, list[str]],
) -> HeatCell:
    if item is None:
        return HeatCell(DASH, None, "not evaluated", None, False)
    is_best = item["policy"] in (
        stats["best_policies"] if mission_name is None else best_policies_by_mission[mission_name]
    )
    share = None if item["gap"] is None else 1 - item["gap"]
    text = format_score_in_unit(item["mean"]) if share is None else f"{_format_percent(share)} %"
    level = None
    if share is not None:
        level = min(max(int(share * NUM_LEVELS), 0), NUM_LEVELS - 1)
    return HeatCell(
        text, _format_share_or_mean_interval(item), _describe_estimate(item, stats), level, is_best
    )


def _format_share_or_mean_interval(item: Estimate) -> str | None:
    """Return the model-based interval of the share of the ceiling, or of the mean without one."""
    if item["low"] is None:
        return None
    if item["gap"] is None or item["low"] == item["high"]:
        return format_interval_or_placeholder(item["low"], item["high"])
    low, high = (_format_percent(1 - item[key]) for key in ("gap_high", "gap_low"))
    return f"{low} to {high} %"


def _format_percent(share: float) -> str:
    """Return a share in percent with 1 decimal, without its sign."""
    return "< 0.1" if 0 < share < 0.0005 else f"{100 * share:.1f}".replace("-", "−")


def _describe_estimate(item: Estimate, stats: Statistics) -> str:
    """Return mean, share and both intervals of one estimate, as text."""
    place = "overall" if item["mission"] is None else f"on {item['mission']}"
    unit, free = item["score_unit"], item["distribution_free"]
    parts = [f"{item['policy']} {place}: mean {_format_mean(item)}"]
    level = f"{100 * stats['confidence']:g} %"
    for name, interval in (("model-based", item), ("distribution-free", free)):
        if interval["low"] is not None and interval["low"] == interval["high"]:
            parts.append(f"{NO_VARIATION} ({name})")
        elif interval["low"] is not None:
            ends = format_range(interval["low"], interval["high"], unit)
            parts.append(f"{level} interval {ends} ({name})")
    return "; ".join(parts)


def _format_mean(item: Estimate) -> str:
    """Return the mean with its unit, and as a share of the ceiling if the unit is another one."""
    text = format_with_short_unit(item["mean"], item["score_unit"])
    if item["score_unit"] == SHARE:
        return f"{text} of the ceiling"
    return (
        text if item["gap"] is None else f"{text}, {format_score_in_unit(1 - item['gap'], SHARE)}"
    )


def _heat_map_numbers_table(estimates: list[Estimate], stats: Statistics) -> Table:
    level = f"{100 * stats['confidence']:g} %"
    rows = [
        [
            Cell(item["policy"]),
            Cell("overall" if item["mission"] is None else item["mission"]),
            Cell(_format_mean(item), item["mean"]),
            interval_cell(item),
            interval_cell(item["distribution_free"], score_unit=item["score_unit"]),
            independent_unit_count_cell(item),
            count_cell(item["n_episodes"]),
        ]
        for item in estimates
    ]
    columns = ["Policy", "Mission", "Mean, share of the ceiling", f"{level} interval"]
    columns += ["Distribution-free interval", "Units", "Episodes"]
    return Table("Numbers of the heat map", columns, rows)
