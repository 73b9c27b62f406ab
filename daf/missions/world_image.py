"""Pictures of a world with the glyphs and colors of the report's replay viewer; needs Pillow."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from daf.missions.cells import WALL as WALL_CONTENT
from daf.missions.inventory import list_all_inventory_limits
from daf.missions.mission import Mission
from daf.missions.stations import RESOURCES, Chest

if TYPE_CHECKING:
    from PIL.Image import Image

CELL_PIXELS = 24
OVERSAMPLING = 3
MIN_SYMBOL_PIXELS, MIN_NUMBER_PIXELS, MIN_BADGE_PIXELS = 9, 12, 20
"""Smallest cells that show the symbols of stations, the numbers of agents, and badges."""

FLOOR, WALL, INK, SOFT, PAGE = "#eceef0", "#4b535c", "#1b1f24", "#566069", "#fdfdfc"
ACCENT, CROSS, HEART, LETTER = "#0a6078", "#a3450b", "#d1274b", "#111111"
AGENT_COLORS = (
    "#0064a8",
    "#c04e00",
    "#007a58",
    "#a3427f",
    "#7d6200",
    "#3b83b8",
    "#4a4f57",
    "#7253b5",
)
STATION_COLORS = (
    "#77aadd",
    "#ee8866",
    "#eedd88",
    "#44bb99",
    "#ffaabb",
    "#bbcc33",
    "#99ddff",
    "#dddddd",
)
PALE_OPACITY = 0.4
"""Opacity of a station that is cooling down, clipped or used up."""

DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""Row and column step of the orientations N, S, W, E."""


class WorldSnapshot(NamedTuple):
    """State of a world at one step, with A agents, S stations in reading order, and R resources.

    Attributes:
        step: number of steps since the reset.
        position: float [A, 2], row and column of the agents.
        orientation: int [A], 0 N, 1 S, 2 W, 3 E.
        inventory: int [A, R], amounts carried.
        cooldown_end: int [S], step at which the cooldown ends.
        use_counts: int [S], number of uses.
        chest_stock: int [S], amount in a chest.
        repair_recipe_index: int [S], index of the repair recipe, -1 if not clipped.
    """

    step: int
    position: np.ndarray
    orientation: np.ndarray
    inventory: np.ndarray
    cooldown_end: np.ndarray
    use_counts: np.ndarray
    chest_stock: np.ndarray
    repair_recipe_index: np.ndarray


class _Station(NamedTuple):
    """Station on the map: place, look, and maximum number of uses (0: no maximum)."""

    row: int
    column: int
    symbol: str
    color: str
    max_uses: int
    is_chest: bool


class _CropBounds(NamedTuple):
    """Cells of a map that a picture shows; ends are exclusive."""

    first_row: int
    first_column: int
    end_row: int
    end_column: int


class WorldPainter:
    """Painter of the states of one world, with floor and walls drawn once.

    Args:
        mission: mission of the world.
        map_rows: [H] strings of W characters, the map of the world.
        cell_pixels: side of a cell, in pixels.
        is_cropped: omit the outer walls, as the replay viewer does.
    """

    def __init__(
        self,
        mission: Mission,
        map_rows: Sequence[str],
        cell_pixels: int = CELL_PIXELS,
        is_cropped: bool = False,
    ):
        from PIL import Image, ImageDraw

        self._cell_pixels = cell_pixels
        self._unit = unit = cell_pixels * OVERSAMPLING
        limits = {
            name: limit.limit
            for limit in list_all_inventory_limits(mission)
            for name in limit.resources
        }
        self._energy_capacity = limits["energy"] or 1
        self._stations = _find_stations(mission, map_rows)
        top, left, bottom, right = (
            _find_crop_bounds(mission, map_rows)
            if is_cropped
            else _CropBounds(0, 0, len(map_rows), len(map_rows[0]))
        )
        self._top, self._left = top, left
        self._background = Image.new("RGB", ((right - left) * unit, (bottom - top) * unit), FLOOR)
        draw = ImageDraw.Draw(self._background)
        for row, line in enumerate(map_rows):
            for column, symbol in enumerate(line):
                if mission.legend[symbol] == WALL_CONTENT:
                    x, y = (column - left) * unit, (row - top) * unit
                    draw.rectangle((x, y, x + unit - 1, y + unit - 1), fill=WALL)

    @property
    def picture_size_in_pixels(self) -> tuple[int, int]:
        """Width and height of the pictures, in pixels."""
        width, height = self._background.size
        return width // OVERSAMPLING, height // OVERSAMPLING

    def paint(self, snapshot: WorldSnapshot) -> "Image":
        """Return the picture of a state."""
        from PIL import ImageDraw

        image = self._background.copy()
        self._draw = ImageDraw.Draw(image)
        for station, entry in enumerate(self._stations):
            self._paint_station(entry, station, snapshot)
        for agent in range(len(snapshot.position)):
            self._paint_agent(agent, snapshot)
        return image.reduce(OVERSAMPLING)

    def _paint_station(self, station: _Station, index: int, snapshot: WorldSnapshot) -> None:
        cooldown = int(snapshot.cooldown_end[index]) - snapshot.step
        is_clipped = snapshot.repair_recipe_index[index] >= 0
        is_used_up = station.max_uses > 0 and snapshot.use_counts[index] >= station.max_uses
        x, y = station.column - self._left, station.row - self._top
        color = station.color
        if is_pale := cooldown > 0 or is_clipped or is_used_up:
            color = mix_colors(color, FLOOR, PALE_OPACITY)
        self._draw_box(x + 0.05, y + 0.05, x + 0.95, y + 0.95, 0.16, fill_color=color)
        if is_clipped or is_used_up:
            self._draw_line([(x + 0.09, y + 0.91), (x + 0.91, y + 0.09)], 0.08, CROSS)
        if is_clipped:
            self._draw_line([(x + 0.09, y + 0.09), (x + 0.91, y + 0.91)], 0.08, CROSS)
        if self._cell_pixels > MIN_SYMBOL_PIXELS:
            letter = INK if is_pale else LETTER
            self._draw_text(station.symbol, x + 0.5, y + 0.5, 0.56, letter)
        number = cooldown if cooldown > 0 else None
        if station.is_chest:
            number = snapshot.chest_stock[index]
        if number is not None and self._cell_pixels > MIN_BADGE_PIXELS:
            self._draw_number_badge(str(number), x + 0.78, y + 0.8)

    def _paint_agent(self, agent: int, snapshot: WorldSnapshot) -> None:
        row, column = snapshot.position[agent]
        x, y = column + 0.5 - self._left, row + 0.5 - self._top
        color = AGENT_COLORS[agent % len(AGENT_COLORS)]
        # disk with a tip in the direction of the agent
        down, right = DIRECTIONS[int(snapshot.orientation[agent])]
        self._draw_circle(x, y, 0.34, color)
        corners = ((0.48, 0.0), (0.298, 0.163), (0.298, -0.163))
        tip = [(x + a * right - b * down, y + a * down + b * right) for a, b in corners]
        self._draw.polygon(self._cells_to_pixels(tip), fill=color)
        # ring of the energy
        inventory = snapshot.inventory[agent]
        share = min(inventory[RESOURCES.index("energy")] / self._energy_capacity, 1.0)
        box = self._cells_to_pixels([(x - 0.43, y - 0.43), (x + 0.43, y + 0.43)])
        self._draw.arc(box, -90, 360 * share - 90, fill=INK, width=round(0.06 * self._unit))
        if self._cell_pixels > MIN_NUMBER_PIXELS:
            self._draw_text(str(agent), x, y + 0.01, 0.36, PAGE)
        heart, energy = RESOURCES.index("heart"), RESOURCES.index("energy")
        if inventory[heart]:
            outline = _heart_outline_points(x + 0.3, y - 0.32)
            self._draw_line([*outline, outline[0]], 0.06, PAGE)
            self._draw.polygon(self._cells_to_pixels(outline), fill=HEART)
        elif inventory.sum() > inventory[energy] and self._cell_pixels > MIN_NUMBER_PIXELS:
            self._draw_box(x + 0.175, y - 0.465, x + 0.445, y - 0.195, 0.05, fill_color=INK)
            self._draw_box(x + 0.225, y - 0.415, x + 0.395, y - 0.245, 0.02, fill_color=PAGE)

    def _draw_number_badge(self, number: str, center_x: float, center_y: float) -> None:
        half = 0.1 + 0.08 * len(number)
        self._draw_box(
            center_x - half, center_y - 0.17, center_x + half, center_y + 0.17, 0.1, fill_color=PAGE
        )
        self._draw_text(number, center_x, center_y + 0.01, 0.28, INK)

    def _cells_to_pixels(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x * self._unit, y * self._unit) for x, y in points]

    def _draw_box(
        self, left: float, top: float, right: float, bottom: float, radius: float, fill_color: str
    ) -> None:
        box = self._cells_to_pixels([(left, top), (right, bottom)])
        self._draw.rounded_rectangle(box, radius * self._unit, fill=fill_color)

    def _draw_circle(self, center_x: float, center_y: float, radius: float, color: str) -> None:
        left, top = center_x - radius, center_y - radius
        box = self._cells_to_pixels([(left, top), (left + 2 * radius, top + 2 * radius)])
        self._draw.ellipse(box, fill=color)

    def _draw_line(self, points: Sequence[tuple[float, float]], width: float, color: str) -> None:
        pixels = self._cells_to_pixels(points)
        self._draw.line(pixels, fill=color, width=round(width * self._unit))

    def _draw_text(
        self, text: str, center_x: float, center_y: float, size_in_cells: float, fill_color: str
    ) -> None:
        from PIL import ImageFont

        font = ImageFont.load_default(size_in_cells * self._unit)
        place = (center_x * self._unit, center_y * self._unit)
        # The font of Pillow has no bold face; a thin stroke replaces it.
        stroke = 0.012 * self._unit
        self._draw.text(
            place,
            text,
            fill=fill_color,
            font=font,
            anchor="mm",
            stroke_width=stroke,
            stroke_fill=fill_color,
        )


def mix_colors(first: str, second: str, first_share: float) -> str:
    """Return the color #rrggbb with a share of the first color and the rest of the second."""
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]))
    return "#" + bytes(round(first_share * a + (1 - first_share) * b) for a, b in pairs).hex()


def _find_stations(mission: Mission, map_rows: Sequence[str]) -> list[_Station]:
    """Return the stations of a map in reading order, colored by the order of their names."""
    cells = [
        (row, column, symbol, mission.legend[symbol])
        for row, line in enumerate(map_rows)
        for column, symbol in enumerate(line)
        if mission.legend[symbol] in mission.stations
    ]
    symbols = [symbol for _, symbol in sorted({(name, symbol) for *_, symbol, name in cells})]
    stations = []
    for row, column, symbol, name in cells:
        station = mission.stations[name]
        color = STATION_COLORS[symbols.index(symbol) % len(STATION_COLORS)]
        is_chest = isinstance(station, Chest)
        max_uses = 0 if isinstance(station, Chest) else station.max_uses
        stations.append(_Station(row, column, symbol, color, max_uses, is_chest))
    return stations


def _find_crop_bounds(mission: Mission, map_rows: Sequence[str]) -> _CropBounds:
    """Return the bounds of the cells inside the outer walls, with 1 cell of these walls."""
    inner = np.array(
        [[mission.legend[symbol] != WALL_CONTENT for symbol in line] for line in map_rows]
    )
    rows, columns = np.flatnonzero(inner.any(axis=1)), np.flatnonzero(inner.any(axis=0))
    height, width = inner.shape
    return _CropBounds(
        max(int(rows[0]) - 1, 0),
        max(int(columns[0]) - 1, 0),
        min(int(rows[-1]) + 2, height),
        min(int(columns[-1]) + 2, width),
    )


def _heart_outline_points(center_x: float, center_y: float) -> list[tuple[float, float]]:
    """Return the outline of a heart around a point: two cubic Bezier curves, as in the viewer."""
    t = np.linspace(0, 1, 16)[:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    left = weights @ np.array([(0, 0.2), (-0.4, -0.06), (-0.14, -0.3), (0, -0.1)])
    right = left[::-1] * (-1, 1)
    return [(center_x + a, center_y + b) for a, b in np.vstack([left, right[1:]]).tolist()]
