"""Cells and tables of the reports, and the texts of numbers with their units."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from daf.report.result_types import Estimate
from daf.stats import format_score, format_score_or_share_percent
from daf.stats.estimate import SHARE

DASH = "–"
NO_BREAK_SPACE = "\u00a0"

NO_VARIATION = "no variation"
"""Text of an interval between equal ends, where all units have one value."""

POINTS = "percentage points"
"""Unit of a difference of two shares of the ceiling."""

COLUMNS_AT_FIRST_SIGHT = 5
"""Number of columns that a page shows; a check box shows the others."""


class Cell(NamedTuple):
    """One table cell.

    Attributes:
        text: visible text.
        sort_key: sort key; None sorts by text.
        is_bold: bold text.
        badge: short label after the text; None without one.
        details: names and values behind the disclosure "why"; empty without one.
        details_name: subject of the details, for screen readers.
    """

    text: str
    sort_key: float | None = None
    is_bold: bool = False
    badge: str | None = None
    details: tuple[tuple[str, str], ...] = ()
    details_name: str = ""

    @property
    def is_numeric(self) -> bool:
        """True if the cell shows a number."""
        return self.sort_key is not None and _strip_unit(self.text)[-1:].isdigit()


class Table(NamedTuple):
    """Table with a name for screen readers, column names, and rows of cells.

    A page shows the first columns, and the others on demand.

    Attributes:
        name: name for screen readers.
        columns: name of each column.
        rows: cells of each row.
        num_initially_visible_columns: number of columns that a page shows at first sight.
    """

    name: str
    columns: list[str]
    rows: list[list[Cell]]
    num_initially_visible_columns: int = COLUMNS_AT_FIRST_SIGHT

    @property
    def numeric_columns(self) -> list[bool]:
        """True for each column with numbers, which are right-aligned."""
        return [
            any(row[index].is_numeric for row in self.rows) for index in range(len(self.columns))
        ]

    @property
    def num_hidden_columns(self) -> int:
        """Number of columns that a page hides at first sight."""
        return max(len(self.columns) - self.num_initially_visible_columns, 0)


def format_score_in_unit(value: float, score_unit: str | None = None) -> str:
    """Format a value as a number; with " %" or " points" if its unit is `SHARE` or `POINTS`."""
    if score_unit == POINTS:
        return f"{format_score(100 * value)} points"
    return (
        format_score_or_share_percent(value, SHARE) if score_unit == SHARE else format_score(value)
    )


def format_with_short_unit(value: float, score_unit: str | None) -> str:
    """Format a value with its short unit: "12.3 hearts", "97.5 %" or "51.2 points"."""
    text = format_score_in_unit(value, score_unit)
    return text if score_unit in (SHARE, POINTS) else f"{text} {name_score_unit(score_unit)}"


def format_range(low: float, high: float, score_unit: str | None = None) -> str:
    """Format both ends of an interval, such as "8.13 to 12.3" or "95.1 to 98.4 %"."""
    low_text, high_text = (format_score_in_unit(value, score_unit) for value in (low, high))
    return f"{_strip_unit(low_text)} to {high_text}"


def format_interval_or_placeholder(
    low: float | None, high: float | None, score_unit: str | None = None
) -> str:
    """Format an interval of a mean: its range, "no variation" for equal ends; a dash for None."""
    if low is None or high is None:
        return DASH
    return NO_VARIATION if low == high else format_range(low, high, score_unit)


def choose_difference_unit(score_unit: str) -> str:
    """Return the unit of a difference of two scores."""
    return POINTS if score_unit == SHARE else score_unit


def _strip_unit(text: str) -> str:
    return text.removesuffix(" %").removesuffix(" points")


def name_score_unit(score_unit: str | None) -> str:
    """Return the unit of a column, such as "hearts" or "% of the ceiling"."""
    if score_unit == SHARE:
        return "% of the ceiling"
    return (score_unit or "").removesuffix(" per episode")


def score_cell(value: float | None, is_strong: bool = False, score_unit: str | None = None) -> Cell:
    """Return the cell of a score; a dash for None."""
    return (
        Cell(DASH)
        if value is None
        else Cell(format_score_in_unit(value, score_unit), value, is_strong)
    )


def count_cell(value: int | None) -> Cell:
    """Return the cell of an integer with separated thousands; a dash for None."""
    return Cell(DASH) if value is None else Cell(f"{value:,}".replace(",", " "), value)


def interval_cell(
    estimate: Estimate,
    low_key: str = "low",
    high_key: str = "high",
    score_unit: str | None = None,
) -> Cell:
    """Return the cell `low to high`; a dash for None.

    If the interval of the mean has equal ends, this cell has "no variation" instead of equal ends.

    Args:
        estimate: dict with both ends.
        low_key: key of the lower end.
        high_key: key of the upper end.
        score_unit: unit of both ends; None: the value of `score_unit` in the estimate, if any.
    """
    low, high = estimate[low_key], estimate[high_key]
    if low is None:
        return Cell(DASH)
    if low == high and estimate["low"] == estimate["high"]:
        return Cell(NO_VARIATION, low)
    return Cell(format_range(low, high, score_unit or estimate.get("score_unit")), low)


def percent_cell(fraction: float | None) -> Cell:
    """Return the cell of a fraction, in percent; a dash for None."""
    return Cell(DASH) if fraction is None else Cell(f"{100 * fraction:.0f} %", fraction)


def p_value_cell(p: float | None) -> Cell:
    """Return the cell of a p-value with 3 decimals; a dash for None."""
    if p is None:
        return Cell(DASH)
    return Cell("< 0.001" if p < 0.001 else f"{p:.3f}", p)


def format_p_value(symbol: str, p: float | None) -> str:
    """Return a p-value with its symbol, such as "p = 0.008"."""
    if p is None:
        return f"{symbol}{NO_BREAK_SPACE}{DASH}"
    text = f"{symbol} < 0.001" if p < 0.001 else f"{symbol} = {p:.3f}"
    return text.replace(" ", NO_BREAK_SPACE)


def format_percent_range(low_fraction: float | None, high_fraction: float | None) -> str:
    """Format the ends of an interval of a fraction, in percent; a dash for None."""
    return (
        DASH
        if low_fraction is None or high_fraction is None
        else f"{100 * low_fraction:.0f} to {100 * high_fraction:.0f} %"
    )


def format_independent_unit_count(estimate: Estimate) -> str:
    """Return the number and kind of independent units of an estimate.

    With separate runs for each mission, a training seed is one unit per mission.
    """
    name = {"training_seed": "training seed", "episode": "episode"}[estimate["unit"]]
    number, scope = estimate["n_units"], ""
    if estimate["unit"] == "training_seed" and number > estimate.get("n_training_seeds", number):
        number, scope = estimate["n_training_seeds"], " for each mission"
    count = f"{number:,}".replace(",", " ")
    return f"{count} {name}{'s' if number != 1 else ''}{scope}"


def independent_unit_count_cell(estimate: Estimate) -> Cell:
    """Return the cell of the number and kind of independent units of an estimate."""
    return Cell(format_independent_unit_count(estimate), estimate["n_units"])


def name_and_value_table(table_name: str, facts: Mapping[str, Any]) -> Table:
    """Return labels and values, in their order."""
    return Table(
        table_name,
        ["Name", "Value"],
        [[Cell(str(k)), Cell(format_setting(v))] for k, v in facts.items()],
    )


def flatten_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested settings: `{"a": {"b": 1}}` becomes `{"a.b": "1"}`."""
    result: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            result |= flatten_settings(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = format_setting(value)
    return result


def format_setting(value: Any) -> str:
    """Return text unchanged, an empty value as a dash, and other values as JSON."""
    if value is None or value == {} or value == []:
        return DASH
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
