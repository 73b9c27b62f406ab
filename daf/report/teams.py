"""Section of the report about teams: tables and cross-play matrices."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daf.report.cells import (
    DASH,
    Cell,
    Table,
    choose_difference_unit,
    count_cell,
    independent_unit_count_cell,
    interval_cell,
    name_score_unit,
    score_cell,
)
from daf.report.charts import CrossPlayChart
from daf.report.result_types import CrossPlayPair, Estimate
from daf.report.tables import format_overall_mission_count
from daf.stats.analyse import Statistics


def teams_section(stats: Statistics) -> dict[str, Any] | None:
    """Return the tables and charts of all team analyses; None if there are none.

    Each analysis except cross-play has a table over all missions (or of the only one) and, with
    several missions, a table per mission.
    """
    teams = stats["teams"]
    if teams is None:
        return None
    missions = stats["missions"]
    parts = [[None], missions] if len(missions) > 1 else [missions]

    def build_overall_and_per_mission_tables(
        analysis_key: str, build_table: Callable[[str, list], Table]
    ) -> list[Table]:
        items_by_part = [
            [item for item in teams[analysis_key] if item["mission"] in part] for part in parts
        ]
        suffixes = ("", " on each mission")
        return [build_table(s, items) for s, items in zip(suffixes, items_by_part) if items]

    replacement, overall_name = teams["replacement"], format_overall_mission_count(stats)
    return {
        "replacement": replacement,
        "mixed": build_overall_and_per_mission_tables(
            "mixed",
            lambda suffix, items: _mixed_teams_table(
                f"Mixed teams{suffix}", items, overall_name, teams["teams"]
            ),
        ),
        "valued": build_overall_and_per_mission_tables(
            "values",
            lambda suffix, items: _differences_table(
                f"Value over {replacement}{suffix}", items, overall_name, "value", "Value per agent"
            ),
        ),
        "matrices": [
            _cross_play_section(pairs, stats)
            for mission in (mission for part in parts for mission in part)
            if (pairs := [pair for pair in teams["pairs"] if pair["mission"] == mission])
        ],
        "gaps": build_overall_and_per_mission_tables(
            "gaps",
            lambda suffix, items: _differences_table(
                f"Cost of unfamiliar partners{suffix}",
                items,
                overall_name,
                "gap",
                "Self-play − cross-play",
            ),
        ),
    }


def _mission_name_cell(estimate: Estimate, overall_mission_label: str) -> Cell:
    return Cell(overall_mission_label if estimate["mission"] is None else estimate["mission"])


def _claim_and_note_cell(estimate: Estimate) -> Cell:
    return Cell(estimate["claim"] + (f" ({estimate['note']})" if estimate["note"] else ""))


def _name_score_unit(estimates: Sequence[Estimate]) -> str:
    return name_score_unit(estimates[0]["score_unit"])


def _mixed_teams_table(
    table_name: str,
    estimates: Sequence[Estimate],
    overall_mission_label: str,
    agent_counts_by_team_and_mission: Mapping[str, Any],
) -> Table:
    rows = []
    for item in estimates:
        counts = agent_counts_by_team_and_mission[item["team"]].get(item["mission"], {})
        rows.append(
            [
                Cell(item["team"]),
                _mission_name_cell(item, overall_mission_label),
                Cell(", ".join(f"{n} {policy}" for policy, n in counts.items()) or DASH),
                score_cell(item["mean"], score_unit=item["score_unit"]),
                interval_cell(item),
                independent_unit_count_cell(item),
                _claim_and_note_cell(item),
            ]
        )
    columns = [
        "Team",
        "Mission",
        "Agents",
        f"Mean ({_name_score_unit(estimates)})",
        "Interval",
        "Units",
    ]
    columns.append("Claim")
    return Table(table_name, columns, rows)


def _differences_table(
    table_name: str,
    differences: Sequence[Estimate],
    overall_mission_label: str,
    value_field: str,
    column_heading: str,
) -> Table:
    """Return one row per policy and mission.

    Args:
        table_name: name of the table.
        differences: differences.
        overall_mission_label: name of the missions of overall differences.
        value_field: field of the difference in each item.
        column_heading: heading of the column with the difference.
    """
    unit = choose_difference_unit(differences[0]["score_unit"])
    rows = [
        [
            Cell(item["policy"]),
            _mission_name_cell(item, overall_mission_label),
            score_cell(item[value_field], score_unit=unit),
            interval_cell(item, score_unit=unit),
            count_cell(item["n_training_seeds"] or None),
            _claim_and_note_cell(item),
            Cell(item["method"] or DASH),
        ]
        for item in differences
    ]
    columns = [
        "Policy",
        "Mission",
        f"{column_heading} ({name_score_unit(unit)})",
        "Interval",
        "Training seeds",
        "Claim",
        "Method",
    ]
    return Table(table_name, columns, rows)


def _cross_play_section(pairs: Sequence[CrossPlayPair], stats: Statistics) -> dict[str, Any]:
    """Return chart and table of the cross-play on one mission, or over all missions."""
    mission = pairs[0]["mission"]
    scope = f"over {format_overall_mission_count(stats)}" if mission is None else f"on {mission}"
    rows = [
        [
            Cell(pair["a"]),
            Cell(pair["b"]),
            score_cell(pair["mean"], score_unit=pair["score_unit"]),
            interval_cell(pair),
            independent_unit_count_cell(pair),
            count_cell(pair["n_episodes"]),
            _claim_and_note_cell(pair),
        ]
        for pair in pairs
    ]
    columns = [
        "Policy",
        "With",
        f"Mean ({_name_score_unit(pairs)})",
        "Interval",
        "Units",
        "Episodes",
    ]
    columns.append("Claim")
    level = f"{100 * stats['confidence']:g} %"
    return {
        "mission": "Overall" if mission is None else mission,
        "score_unit": pairs[0]["score_unit"],
        "chart": CrossPlayChart(
            pairs,
            title=f"Cross-play {scope}",
            score_unit=pairs[0]["score_unit"],
            confidence_level=level,
        ),
        "table": Table(f"Cross-play {scope}", columns, rows),
    }
