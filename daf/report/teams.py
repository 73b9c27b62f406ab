"""Section of the report about teams: tables and cross-play matrices."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from daf.report.result_types import CrossPlayPair, Estimate
from daf.report.svg import CHARACTER_WIDTH, element, svg_image, text_element, truncate
from daf.report.tables import (
    DASH,
    Cell,
    Table,
    count_cell,
    interval_cell,
    score_cell,
    unit_count_cell,
)
from daf.stats import format_score
from daf.stats.analyse import Statistics

WIDTH, ROW_HEIGHT, TOP = 420, 46, 24
LABEL_CHARACTERS = 16
SMALL_CHARACTER_WIDTH = 6.3
"""Mean width in pixels of a character of an interval. Intervals that do not fit are omitted."""

MIN_OPACITY, MAX_OPACITY = 0.06, 0.4
"""Opacity of the lowest and the highest mean."""


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

    def build_tables(key: str, build_table: Callable[[str, list], Table]) -> list[Table]:
        items_by_part = [[item for item in teams[key] if item["mission"] in part] for part in parts]
        suffixes = ("", " on each mission")
        return [build_table(s, items) for s, items in zip(suffixes, items_by_part) if items]

    replacement = teams["replacement"]
    return {
        "replacement": replacement,
        "mixed": build_tables(
            "mixed",
            lambda suffix, items: _mixed_teams_table(f"Mixed teams{suffix}", items, teams["teams"]),
        ),
        "valued": build_tables(
            "values",
            lambda suffix, items: _differences_table(
                f"Value over {replacement}{suffix}", items, "value", "Value per agent"
            ),
        ),
        "matrices": [
            _cross_play_section(pairs, stats)
            for mission in (mission for part in parts for mission in part)
            if (pairs := [pair for pair in teams["pairs"] if pair["mission"] == mission])
        ],
        "gaps": build_tables(
            "gaps",
            lambda suffix, items: _differences_table(
                f"Cost of unfamiliar partners{suffix}", items, "gap", "Self-play − cross-play"
            ),
        ),
    }


def _mission_name_cell(estimate: Estimate) -> Cell:
    return Cell("all missions" if estimate["mission"] is None else estimate["mission"])


def _claim_subject_cell(estimate: Estimate) -> Cell:
    return Cell(estimate["claim"] + (f" ({estimate['note']})" if estimate["note"] else ""))


def _mixed_teams_table(
    table_name: str,
    estimates: Sequence[Estimate],
    agent_counts_by_team_and_mission: Mapping[str, Any],
) -> Table:
    rows = []
    for item in estimates:
        counts = agent_counts_by_team_and_mission[item["team"]].get(item["mission"], {})
        rows.append(
            [
                Cell(item["team"]),
                _mission_name_cell(item),
                Cell(", ".join(f"{n} {policy}" for policy, n in counts.items()) or DASH),
                score_cell(item["mean"]),
                interval_cell(item),
                unit_count_cell(item),
                _claim_subject_cell(item),
            ]
        )
    columns = ["Team", "Mission", "Agents", "Mean", "Interval", "Units", "Claim"]
    return Table(table_name, columns, rows)


def _differences_table(
    table_name: str,
    differences: Sequence[Estimate],
    value_field: str,
    column_heading: str,
) -> Table:
    """Return one row per policy and mission.

    Args:
        table_name: name of the table.
        differences: differences.
        value_field: field of the difference in each item.
        column_heading: heading of the column with the difference.
    """
    rows = [
        [
            Cell(item["policy"]),
            _mission_name_cell(item),
            score_cell(item[value_field]),
            interval_cell(item),
            count_cell(item["n_training_seeds"] or None),
            _claim_subject_cell(item),
            Cell(item["method"] or DASH),
        ]
        for item in differences
    ]
    columns = [
        "Policy",
        "Mission",
        column_heading,
        "Interval",
        "Training seeds",
        "Claim",
        "Method",
    ]
    return Table(table_name, columns, rows)


def _cross_play_section(pairs: Sequence[CrossPlayPair], stats: Statistics) -> dict[str, Any]:
    """Return chart and table of the cross-play on one mission, or over all missions."""
    mission = pairs[0]["mission"]
    scope = "over all missions" if mission is None else f"on {mission}"
    rows = [
        [
            Cell(pair["a"]),
            Cell(pair["b"]),
            score_cell(pair["mean"]),
            interval_cell(pair),
            unit_count_cell(pair),
            count_cell(pair["n_episodes"]),
            _claim_subject_cell(pair),
        ]
        for pair in pairs
    ]
    columns = ["Policy", "With", "Mean", "Interval", "Units", "Episodes", "Claim"]
    level = f"{100 * stats['confidence']:g} %"
    return {
        "mission": "Overall" if mission is None else mission,
        "chart": cross_play_chart(
            pairs,
            title=f"Cross-play {scope}",
            score_unit=stats["score_unit"],
            confidence_level=level,
        ),
        "table": Table(f"Cross-play {scope}", columns, rows),
    }


def cross_play_chart(
    pairs: Sequence[CrossPlayPair], *, title: str, score_unit: str, confidence_level: str
) -> Markup:
    """Return the matrix of mean scores of all pairs of policies. Stronger colors are higher means.

    Args:
        pairs: dicts with a, b, mean, low, high (low and high may be None), each pair once; at least
            one pair.
        title: title of the text alternative.
        score_unit: unit of the means, such as "hearts per episode".
        confidence_level: confidence level of the intervals, such as "95 %".
    """
    pair_by_names = {names: pair for pair in pairs for names in _policy_pair_in_both_orders(pair)}
    policies = sorted({name for names in pair_by_names for name in names})
    names = [f"{n} {truncate(p, LABEL_CHARACTERS)}" for n, p in enumerate(policies, start=1)]
    left = 14 + CHARACTER_WIDTH * max(map(len, names))
    side = (WIDTH - left) / len(policies)
    means = [pair["mean"] for pair in pairs]
    low, high = min(means), max(means)
    parts = []
    for row, first in enumerate(policies):
        y = TOP + ROW_HEIGHT * row
        parts.append(text_element(left - 10, y + ROW_HEIGHT / 2 + 4, names[row], "label", "end"))
        parts.append(
            text_element(left + side * (row + 0.5), TOP - 8, str(row + 1), "tick", "middle")
        )
        for column, second in enumerate(policies):
            pair = pair_by_names.get((first, second))
            x = left + side * column
            if pair is None:
                parts.append(
                    text_element(x + side / 2, y + ROW_HEIGHT / 2 + 4, DASH, "tick", "middle")
                )
                continue
            fraction = (pair["mean"] - low) / (high - low) if high > low else 0.5
            cell = [
                element("title", f"{first} with {second}: {_format_pair_score(pair)}"),
                element("rect", x=x + 1, y=y + 1.0, width=side - 2, height=ROW_HEIGHT - 2.0, rx=4,
                        fill_opacity=MIN_OPACITY + (MAX_OPACITY - MIN_OPACITY) * fraction),
                text_element(x + side / 2, y + ROW_HEIGHT / 2 - 2, format_score(pair["mean"]),
                             "value", "middle"),
            ]  # fmt: skip
            interval_text = interval_cell(pair).text
            if SMALL_CHARACTER_WIDTH * len(interval_text) < side:
                cell.append(
                    text_element(
                        x + side / 2, y + ROW_HEIGHT / 2 + 14, interval_text, "tick", "middle"
                    )
                )
            parts.append(element("g", *cell, class_="cell"))
    means_text = "; ".join(
        f"{pair['a']} with {pair['b']} {_format_pair_score(pair)}" for pair in pairs
    )
    height = TOP + ROW_HEIGHT * len(policies) + 4
    return svg_image(
        WIDTH,
        height,
        title,
        f"Mean {score_unit} with {confidence_level} intervals: {means_text}.",
        *parts,
    )


def _policy_pair_in_both_orders(pair: CrossPlayPair) -> set[tuple[str, str]]:
    return {(pair["a"], pair["b"]), (pair["b"], pair["a"])}


def _format_pair_score(pair: CrossPlayPair) -> str:
    interval_text = interval_cell(pair).text
    if interval_text == DASH:
        interval_text = "no interval"
    return f"{format_score(pair['mean'])} ({interval_text})"
