"""What is shown of the questions about teams: tables, and the cross-play matrix as a picture."""

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from daf.report.svg import CHARACTER, element, svg_image, text, truncate
from daf.report.tables import DASH, Cell, Table, count, interval, score, unit
from daf.stats import format_score

WIDTH, ROW, TOP = 420, 46, 24
LABEL_CHARACTERS = 16
SMALL = 6.3
"""Mean width in pixels of a character of an interval; what does not fit is in the table only."""

MIN_OPACITY, MAX_OPACITY = 0.06, 0.4
"""Opacity of the lowest and the highest mean; numbers stay readable on both."""


def teams_section(stats: Mapping) -> dict | None:
    """The tables and pictures of `stats.json`'s answers about teams; None if nothing was asked.

    Of each question but cross-play there are up to two tables: what holds over all missions, or on
    the only one, and what holds on each of several.
    """
    found = stats["teams"]
    if found is None:
        return None
    missions = stats["missions"]
    parts = [[None], missions] if len(missions) > 1 else [missions]

    def tables(key: str, table: Callable[[str, list], Table]) -> list[Table]:
        chosen = [[item for item in found[key] if item["mission"] in part] for part in parts]
        names = ("", " on each mission")
        return [table(name, items) for name, items in zip(names, chosen) if items]

    replacement = found["replacement"]
    return {
        "replacement": replacement,
        "mixed": tables(
            "mixed",
            lambda where, items: _mixed_table(f"Mixed teams{where}", items, found["teams"]),
        ),
        "valued": tables(
            "values",
            lambda where, items: _differences_table(
                f"Value over {replacement}{where}", items, "value", "Value per agent"
            ),
        ),
        "matrices": [
            _matrix(pairs, stats)
            for mission in (mission for part in parts for mission in part)
            if (pairs := [pair for pair in found["pairs"] if pair["mission"] == mission])
        ],
        "gaps": tables(
            "gaps",
            lambda where, items: _differences_table(
                f"What playing with others costs{where}", items, "gap", "With itself − with others"
            ),
        ),
    }


def _where(item: Mapping) -> Cell:
    return Cell("all missions" if item["mission"] is None else item["mission"])


def _claim(item: Mapping) -> Cell:
    return Cell(item["claim"] + (f" ({item['note']})" if item["note"] else ""))


def _mixed_table(name: str, items: Sequence[Mapping], agents: Mapping) -> Table:
    rows = []
    for item in items:
        counts = agents[item["team"]].get(item["mission"], {})
        rows.append(
            [
                Cell(item["team"]),
                _where(item),
                Cell(", ".join(f"{n} {policy}" for policy, n in counts.items()) or DASH),
                score(item["mean"]),
                interval(item),
                unit(item),
                _claim(item),
            ]
        )
    columns = ["Team", "Mission", "Agents", "Mean", "Interval", "Units", "Claim"]
    return Table(name, columns, rows)


def _differences_table(name: str, items: Sequence[Mapping], key: str, column: str) -> Table:
    """One row for each policy and mission; `key` is the difference's name, `column` its heading."""
    rows = [
        [
            Cell(item["policy"]),
            _where(item),
            score(item[key]),
            interval(item),
            count(item["n_training_seeds"] or None),
            _claim(item),
            Cell(item["method"] or DASH),
        ]
        for item in items
    ]
    columns = ["Policy", "Mission", column, "Interval", "Training seeds", "Claim", "Method"]
    return Table(name, columns, rows)


def _matrix(pairs: Sequence[Mapping], stats: Mapping) -> dict:
    """The cross-play of one mission, or of the mean over all."""
    mission = pairs[0]["mission"]
    where = "over all missions" if mission is None else f"on {mission}"
    rows = [
        [
            Cell(pair["a"]),
            Cell(pair["b"]),
            score(pair["mean"]),
            interval(pair),
            unit(pair),
            count(pair["n_episodes"]),
            _claim(pair),
        ]
        for pair in pairs
    ]
    columns = ["Policy", "With", "Mean", "Interval", "Units", "Episodes", "Claim"]
    level = f"{100 * stats['confidence']:g} %"
    return {
        "mission": "Overall" if mission is None else mission,
        "chart": matrix_chart(
            pairs, title=f"Cross-play {where}", unit=stats["score_unit"], level=level
        ),
        "table": Table(f"Cross-play {where}", columns, rows),
    }


def matrix_chart(pairs: Sequence[Mapping], *, title: str, unit: str, level: str) -> Markup:
    """A cell for each two policies, the stronger in colour, the higher their mean score together.

    Args:
        pairs: dicts with a, b, mean, low, high (low and high may be None), each pair once, in the
            order of the rows; at least one.
        title: of the text alternative.
        unit: of the means, such as "hearts per episode".
        level: of the intervals, such as "95 %".
    """
    found = {names: pair for pair in pairs for names in _both_orders(pair)}
    policies = sorted({name for names in found for name in names})
    names = [f"{n} {truncate(p, LABEL_CHARACTERS)}" for n, p in enumerate(policies, start=1)]
    left = 14 + CHARACTER * max(map(len, names))
    side = (WIDTH - left) / len(policies)
    means = [pair["mean"] for pair in pairs]
    low, high = min(means), max(means)
    parts = []
    for row, first in enumerate(policies):
        y = TOP + ROW * row
        parts.append(text(left - 10, y + ROW / 2 + 4, names[row], "label", "end"))
        parts.append(text(left + side * (row + 0.5), TOP - 8, str(row + 1), "tick", "middle"))
        for column, second in enumerate(policies):
            pair = found.get((first, second))
            x = left + side * column
            if pair is None:
                parts.append(text(x + side / 2, y + ROW / 2 + 4, DASH, "tick", "middle"))
                continue
            share = (pair["mean"] - low) / (high - low) if high > low else 0.5
            cell = [
                element("title", f"{first} with {second}: {_score_text(pair)}"),
                element("rect", x=x + 1, y=y + 1.0, width=side - 2, height=ROW - 2.0, rx=4,
                        fill_opacity=MIN_OPACITY + (MAX_OPACITY - MIN_OPACITY) * share),
                text(x + side / 2, y + ROW / 2 - 2, format_score(pair["mean"]), "value", "middle"),
            ]  # fmt: skip
            span = interval(pair).text
            if SMALL * len(span) < side:
                cell.append(text(x + side / 2, y + ROW / 2 + 14, span, "tick", "middle"))
            parts.append(element("g", *cell, class_="cell"))
    said = "; ".join(f"{pair['a']} with {pair['b']} {_score_text(pair)}" for pair in pairs)
    height = TOP + ROW * len(policies) + 4
    return svg_image(WIDTH, height, title, f"Mean {unit} with {level} intervals: {said}.", *parts)


def _both_orders(pair: Mapping) -> set[tuple[str, str]]:
    return {(pair["a"], pair["b"]), (pair["b"], pair["a"])}


def _score_text(pair: Mapping) -> str:
    span = interval(pair).text
    return f"{format_score(pair['mean'])} ({'no interval' if span == DASH else span})"
