"""Tables of robust statistics and performance profiles, and the numbers of samples."""

from collections.abc import Sequence

from daf.report.cells import (
    DASH,
    NO_VARIATION,
    Cell,
    Table,
    format_percent_range,
    interval_cell,
    name_score_unit,
    percent_cell,
    score_cell,
)
from daf.report.result_types import Estimate
from daf.stats import abbreviate_name_list, format_score
from daf.stats.analyse import Statistics
from daf.stats.estimate import SHARE
from daf.stats.profiles import Profile


def robust_statistics_table(table_name: str, estimates: Sequence[Estimate]) -> Table:
    """Return median, interquartile mean and optimality gap of each policy."""
    rows = []
    for item in estimates:
        notes = [note for note in (item["robust_note"], item["gap_note"]) if note]
        rows.append(
            [
                Cell(item["policy"]),
                score_cell(item["median"], score_unit=item["score_unit"]),
                interval_cell(item, "median_low", "median_high"),
                score_cell(item["iqm"], score_unit=item["score_unit"]),
                interval_cell(item, "iqm_low", "iqm_high"),
                Cell(
                    DASH if item["gap"] is None else f"{_format_gap_in_percent(item['gap'])} %",
                    item["gap"],
                ),
                Cell(_format_optimality_gap_interval(item), item["gap_low"]),
                Cell("; ".join(notes)),
            ]
        )
    unit = name_score_unit(estimates[0]["score_unit"]) if estimates else ""
    columns = ["Policy", f"Median ({unit})", "Interval of the median"]
    columns += [f"Interquartile mean ({unit})", "Interval of the interquartile mean"]
    columns += ["Optimality gap", "Interval of the gap", "Note"]
    return Table(table_name, columns, rows)


def _format_gap_in_percent(gap: float) -> str:
    """Return a gap in percent without its sign; with 1 decimal below 10 %."""
    return f"{100 * gap:.1f}" if gap < 0.1 else f"{100 * gap:.0f}"


def _format_optimality_gap_interval(item: Estimate) -> str:
    low, high = item["gap_low"], item["gap_high"]
    if low is None or high is None:
        return DASH
    if item["low"] == item["high"]:
        return NO_VARIATION
    return f"{_format_gap_in_percent(low)} to {_format_gap_in_percent(high)} %"


def performance_profile_table(table_name: str, profile: Profile, score_unit: str) -> Table:
    """Return a performance profile at about 8 scores.

    Args:
        table_name: name of the table.
        profile: profile from `daf.stats`.
        score_unit: unit of the scores.
    """
    thresholds = profile["thresholds"]
    indices = range(0, len(thresholds), max(len(thresholds) // 8, 1))
    rows = [
        [
            Cell(curve["policy"]),
            percent_cell(thresholds[i])
            if score_unit == SHARE
            else Cell(format_score(thresholds[i]), thresholds[i]),
            percent_cell(curve["share"][i]),
            Cell(format_percent_range(curve["low"][i], curve["high"][i])),
        ]
        for curve in profile["curves"]
        for i in indices
    ]
    columns = ["Policy", f"Minimum score ({name_score_unit(score_unit)})", "Fraction of episodes"]
    return Table(table_name, [*columns, "Interval"], rows)


def sample_size_text(stats: Statistics) -> str:
    """Return a short text on the numbers of training seeds and episodes."""
    seeds = sorted({p["n_training_seeds"] for p in stats["policies"]} - {0})
    episodes = f"{sum(p['n_episodes'] for p in stats['policies']):,}".replace(",", " ")
    if not seeds:
        return f"{episodes} episodes; no trained policies"
    seeds_text = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    plural = "" if seeds == [1] else "s"
    untestable = [p["policy"] for p in stats["policies"] if p["seeds_missing"]]
    note = ""
    if untestable:
        names = abbreviate_name_list(untestable)
        note = f" (a model-based test of {names} needs {stats['seeds_needed']})"
    return f"{seeds_text} training seed{plural} per trained policy{note}; {episodes} episodes"
