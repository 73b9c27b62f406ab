"""A mission's map as an SVG grid: walls, agents, coloured and lettered stations."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from daf.report.svg import element, svg_image, text

SYMBOL_MEANINGS = {"#": "wall", ".": "floor", " ": "floor", "@": "agent"}
"""Meaning of characters that a legend does not name."""

CELL = 20
KINDS = 8
"""Station colours in the style sheet; the letter tells apart what shares a colour."""


def map_chart(rows: Sequence[str], legend: Mapping[str, str], *, title: str) -> Markup:
    """The map, one cell a character.

    Args:
        rows: H strings; shorter ones end in floor.
        legend: what each character is; `wall`, `floor` and `agent` are drawn as such, every other
            name as a station.
        title: of the text alternative.
    """
    width, height = max(map(len, rows)), len(rows)
    styles = station_styles(rows, legend)
    walls, marks = [], []
    for row, line in enumerate(rows):
        walls += _wall_runs(line, row, legend)
        for column, character in enumerate(line):
            name = _symbol_meaning(character, legend)
            if name == "agent":
                marks.append(_agent(column, row))
            elif name not in ("wall", "floor"):
                marks.append(_station(column, row, character, name, styles[character]))
    counts = [f"{sum(line.count(c) for line in rows)} {_symbol_meaning(c, legend)}" for c in styles]
    floor = element("rect", width=CELL * width, height=CELL * height, class_="floor")
    return svg_image(
        CELL * width,
        CELL * height,
        title,
        f"{height} by {width} cells. Stations: {', '.join(counts) or 'none'}.",
        floor,
        element("path", d="".join(walls), class_="wall"),
        *marks,
    )


def station_styles(rows: Sequence[str], legend: Mapping[str, str]) -> dict[str, int]:
    """The colour index of each station character on the map, in alphabetical order of names."""
    present = {c for line in rows for c in line}
    stations = [c for c in present if _symbol_meaning(c, legend) not in ("wall", "floor", "agent")]
    ordered = sorted(stations, key=lambda c: (_symbol_meaning(c, legend), c))
    return {character: index % KINDS for index, character in enumerate(ordered)}


def _symbol_meaning(character: str, legend: Mapping[str, str]) -> str:
    return legend.get(character, SYMBOL_MEANINGS.get(character, character))


def _wall_runs(line: str, row: int, legend: Mapping[str, str]) -> list[str]:
    """One rectangle for each run of walls, so that large maps stay small files."""
    runs, start = [], None
    for column, character in enumerate(line + "."):
        is_wall = column < len(line) and _symbol_meaning(character, legend) == "wall"
        if is_wall and start is None:
            start = column
        elif not is_wall and start is not None:
            length = CELL * (column - start)
            runs.append(f"M{CELL * start},{CELL * row}h{length}v{CELL}h-{length}z")
            start = None
    return runs


def _agent(column: int, row: int) -> Markup:
    x, y = CELL * (column + 0.5), CELL * (row + 0.5)
    return element(
        "circle", element("title", "agent start"), cx=x, cy=y, r=0.3 * CELL, class_="agent"
    )


def _station(column: int, row: int, character: str, name: str, style: int) -> Markup:
    return element(
        "g",
        element("title", name),
        element(
            "rect",
            x=CELL * column + 1,
            y=CELL * row + 1,
            width=CELL - 2,
            height=CELL - 2,
            rx=3,
            class_=f"k{style}",
        ),
        text(CELL * (column + 0.5), CELL * (row + 0.5) + 4.5, character, "letter", "middle"),
    )
