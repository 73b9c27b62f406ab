"""Chart of cross-play: matrix of the mean scores of all pairs of policies."""

from collections.abc import Sequence

from markupsafe import Markup

from daf.report.cells import DASH, format_score_in_unit, interval_cell
from daf.report.result_types import CrossPlayPair
from daf.report.svg import CHARACTER_WIDTH, element, svg_image, text_element, truncate

WIDTH, ROW_HEIGHT, TOP = 420, 46, 24
LABEL_CHARACTERS = 16
SMALL_CHARACTER_WIDTH = 6.3
"""Mean width in pixels of a character of an interval. Intervals that do not fit are omitted."""

MIN_OPACITY, MAX_OPACITY = 0.06, 0.4
"""Opacity of the lowest and the highest mean."""


def cross_play_matrix_chart(
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
            mean_text = format_score_in_unit(pair["mean"], score_unit)
            cell = [
                element("title", f"{first} with {second}: {_format_pair_score(pair, score_unit)}"),
                element("rect", x=x + 1, y=y + 1.0, width=side - 2, height=ROW_HEIGHT - 2.0, rx=4,
                        fill_opacity=MIN_OPACITY + (MAX_OPACITY - MIN_OPACITY) * fraction),
                text_element(x + side / 2, y + ROW_HEIGHT / 2 - 2, mean_text, "value",
                             "middle"),
            ]  # fmt: skip
            interval_text = interval_cell(pair, score_unit=score_unit).text
            if SMALL_CHARACTER_WIDTH * len(interval_text) < side:
                cell.append(
                    text_element(
                        x + side / 2, y + ROW_HEIGHT / 2 + 14, interval_text, "tick", "middle"
                    )
                )
            parts.append(element("g", *cell, class_="cell"))
    means_text = "; ".join(
        f"{pair['a']} with {pair['b']} {_format_pair_score(pair, score_unit)}" for pair in pairs
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


def _format_pair_score(pair: CrossPlayPair, score_unit: str) -> str:
    interval_text = interval_cell(pair, score_unit=score_unit).text
    if interval_text == DASH:
        interval_text = "no interval"
    return f"{format_score_in_unit(pair['mean'], score_unit)} ({interval_text})"
