"""Map of a mission as an SVG grid of walls, agents and stations."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from daf.report.svg import element, svg_image, text_element

SYMBOL_MEANINGS = {"#": "wall", ".": "floor", " ": "floor", "@": "agent"}
"""Meaning of characters that are not in the legend."""

CELL_SIZE = 20
NUM_COLORS = 8
"""Station colors in the style sheet. Stations of equal color have different letters."""


def map_chart(map_rows: Sequence[str], legend: Mapping[str, str], *, title: str) -> Markup:
    """Return the map, with one cell per character.

    Args:
        map_rows: [H] strings of the map; missing characters at the end are floor.
        legend: meaning of each character: `wall`, `floor`, `agent`, or the name of a station.
        title: title of the text alternative.
    """
    width, height = max(map(len, map_rows)), len(map_rows)
    symbol_colors = assign_colors_to_station_symbols(map_rows, legend)
    walls, marks = [], []
    for row, line in enumerate(map_rows):
        walls += _wall_path_data(line, row, legend)
        for column, character in enumerate(line):
            name = symbol_meaning(character, legend)
            if name == "agent":
                marks.append(_agent_element(column, row))
            elif name not in ("wall", "floor"):
                marks.append(
                    _station_element(column, row, character, name, symbol_colors[character])
                )
    counts = [
        f"{sum(line.count(c) for line in map_rows)} {symbol_meaning(c, legend)}"
        for c in symbol_colors
    ]
    floor = element("rect", width=CELL_SIZE * width, height=CELL_SIZE * height, class_="floor")
    return svg_image(
        CELL_SIZE * width,
        CELL_SIZE * height,
        title,
        f"{height} by {width} cells. Stations: {', '.join(counts) or 'none'}.",
        floor,
        element("path", d="".join(walls), class_="wall"),
        *marks,
    )


def assign_colors_to_station_symbols(
    map_rows: Sequence[str], legend: Mapping[str, str]
) -> dict[str, int]:
    """Return the color index of each station character, in alphabetical order of station names."""
    present = {c for line in map_rows for c in line}
    stations = [c for c in present if symbol_meaning(c, legend) not in ("wall", "floor", "agent")]
    ordered = sorted(stations, key=lambda c: (symbol_meaning(c, legend), c))
    return {character: index % NUM_COLORS for index, character in enumerate(ordered)}


def symbol_meaning(character: str, legend: Mapping[str, str]) -> str:
    """Return the meaning of a character of a map: `wall`, `floor`, `agent`, or a station."""
    return legend.get(character, SYMBOL_MEANINGS.get(character, character))


def _wall_path_data(map_row: str, row_index: int, legend: Mapping[str, str]) -> list[str]:
    """Return one SVG path per horizontal run of walls, which keeps large maps small."""
    runs, start = [], None
    for column, character in enumerate(map_row + "."):
        is_wall = column < len(map_row) and symbol_meaning(character, legend) == "wall"
        if is_wall and start is None:
            start = column
        elif not is_wall and start is not None:
            length = CELL_SIZE * (column - start)
            runs.append(
                f"M{CELL_SIZE * start},{CELL_SIZE * row_index}h{length}v{CELL_SIZE}h-{length}z"
            )
            start = None
    return runs


def _agent_element(column: int, row: int) -> Markup:
    x, y = CELL_SIZE * (column + 0.5), CELL_SIZE * (row + 0.5)
    return element(
        "circle", element("title", "agent start"), cx=x, cy=y, r=0.3 * CELL_SIZE, class_="agent"
    )


def _station_element(
    column: int, row: int, symbol: str, station_name: str, color_index: int
) -> Markup:
    return element(
        "g",
        element("title", station_name),
        element(
            "rect",
            x=CELL_SIZE * column + 1,
            y=CELL_SIZE * row + 1,
            width=CELL_SIZE - 2,
            height=CELL_SIZE - 2,
            rx=3,
            class_=f"k{color_index}",
        ),
        text_element(
            CELL_SIZE * (column + 0.5), CELL_SIZE * (row + 0.5) + 4.5, symbol, "letter", "middle"
        ),
    )
