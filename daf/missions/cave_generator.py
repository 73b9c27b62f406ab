"""Layout generator `cave`: invasion percolation from the assembler carves the floor."""

from heapq import heappop, heappush
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from daf.config import ConfigError, Int
from daf.missions.cells import AGENT, FLOOR, MAX_AGENTS, MAX_SIDE
from daf.missions.layout_generator import LayoutGenerator, choose_random_cell

CLEAR_RADIUS = 3
"""Distance from the assembler, in cells, below which no other station but the chest is placed."""
SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
KNIGHT = ((-2, -1), (-2, 1), (-1, -2), (-1, 2), (1, -2), (1, 2), (2, -1), (2, 1))

Cell = tuple[int, int]
"""(row, column)."""
StationNameByCell = dict[Cell, str]


class Cave(LayoutGenerator):
    """A connected cave of exactly `open` cells that contains all stations and agents.

    The assembler is in the middle. The first 4 agents start 2 cells N, S, W and E of it, a chest is
    3 steps (Manhattan distance) from it. All other stations and agents have random positions. The
    8 cells around every station are open.
    """

    generator: Literal["cave"] = Field(default="cave", description="name of the generator")
    height: Int = Field(
        ge=2 * CLEAR_RADIUS + 1, le=MAX_SIDE - 2, description="rows inside the border"
    )
    width: Int = Field(
        ge=2 * CLEAR_RADIUS + 1, le=MAX_SIDE - 2, description="columns inside the border"
    )
    open: Int = Field(
        ge=1, le=MAX_SIDE**2, description="number of open cells, stations and agents included"
    )
    agents: Int = Field(default=4, ge=1, le=MAX_AGENTS, description="number of agents")

    @model_validator(mode="after")
    def _check_assembler_and_chest(self) -> Self:
        if not (self.stations.get("assembler") and self.stations.get("chest")):
            raise ValueError("key 'stations': expected at least 1 assembler and 1 chest in a cave")
        return self

    def draw_into(
        self, interior: np.ndarray, symbol_by_content: dict[str, str], random: np.random.Generator
    ) -> None:
        """Draw floor, stations and agents in place; see `LayoutGenerator.draw_into`."""
        middle = (self.height // 2, self.width // 2)
        stations = self._place_stations(middle, random)
        starts = [_shift_cell(middle, side, 2) for side in SIDES][: self.agents]
        floor = self._carve_floor_mask(middle, stations, starts, random)
        interior[floor] = symbol_by_content[FLOOR]
        for cell, name in stations.items():
            interior[cell] = symbol_by_content[name]
        for cell in starts:
            interior[cell] = symbol_by_content[AGENT]
        for _ in range(self.agents - len(starts)):
            cell = choose_random_cell(
                interior == symbol_by_content[FLOOR], random, f"the {self.agents} agents"
            )
            interior[cell] = symbol_by_content[AGENT]

    def _place_stations(
        self, assembler_cell: Cell, random: np.random.Generator
    ) -> StationNameByCell:
        """Choose the cells of the stations; no two stations touch, none touches the border."""
        names = self.repeat_station_names_by_count()
        free = np.zeros((self.height, self.width), dtype=bool)
        free[1:-1, 1:-1] = True
        free[_slice_square_around(assembler_cell, CLEAR_RADIUS)] = False
        chest = _shift_cell(assembler_cell, KNIGHT[random.integers(len(KNIGHT))], 1)
        free[_slice_square_around(chest, 1)] = False
        stations = {assembler_cell: "assembler", chest: "chest"}
        for name in stations.values():
            names.remove(name)
        for name in names:
            cell = choose_random_cell(free, random, f"the {len(names) + 2} stations")
            free[_slice_square_around(cell, 1)] = False
            stations[cell] = name
        return stations

    def _carve_floor_mask(
        self,
        middle: Cell,
        stations: StationNameByCell,
        starts: list[Cell],
        random: np.random.Generator,
    ) -> np.ndarray:
        """Return the open cells, bool [height, width]: connected, `open` of them with stations.

        Invasion percolation (Wilkinson and Willemsen 1983): the next invaded cell is always the
        lowest one at the boundary, and its parent is the cell that it was reached from. The cells
        around stations are opened first, with their paths to the source; then the other cells in
        invasion order, until the number is reached. Every such set is connected.

        Raises:
            ConfigError: these stations and this seed do not allow `open` open cells.
        """
        order, parents = self._compute_invasion_order_and_parents(
            _shift_cell(middle, SIDES[0], 1), stations, random
        )
        invasion_index = {cell: n for n, cell in enumerate(order)}
        floor = np.zeros((self.height, self.width), dtype=bool)
        for row, column in stations:
            square = floor[_slice_square_around((row, column), 1)]
            is_reached = square.any()
            square[:] = True
            ring = [(r, c) for r in range(row - 1, row + 2) for c in range(column - 1, column + 2)]
            first = min(ring, key=lambda cell: invasion_index.get(cell, len(order)))
            cell = None if is_reached else parents[first]
            while cell is not None and not floor[cell]:
                floor[cell] = True
                cell = parents[cell]
        for cell in starts:
            floor[cell] = True
        minimum, maximum = int(floor.sum()), len(order) + len(stations)
        if not minimum <= self.open <= maximum:
            raise ConfigError(
                f"key 'layout.open': got {self.open}; expected {minimum} to {maximum} with these "
                "stations and this seed"
            )
        closed = [cell for cell in order if not floor[cell]]
        for cell in closed[: self.open - minimum]:
            floor[cell] = True
        return floor

    def _compute_invasion_order_and_parents(
        self, start_cell: Cell, stations_to_avoid: StationNameByCell, random: np.random.Generator
    ) -> tuple[list[Cell], dict[Cell, Cell | None]]:
        """Compute the invasion order of all cells without stations, and the parent of each.

        Args:
            start_cell: first invaded cell.
            stations_to_avoid: station names by cell.
            random: random numbers of the terrain.
        """
        ground = random.integers(0, 256, size=(self.height, self.width))
        for axis in (0, 1, 0, 1):  # smoothing in integers gives the same terrain on every machine
            ground = np.roll(ground, -1, axis) + ground + np.roll(ground, 1, axis)
        height = ground.tolist()
        parents: dict[Cell, Cell | None] = {start_cell: None}
        boundary = [(height[start_cell[0]][start_cell[1]], start_cell)]
        order = []
        while boundary:
            _, cell = heappop(boundary)
            order.append(cell)
            for side in SIDES:
                row, column = neighbor = _shift_cell(cell, side, 1)
                if not (0 <= row < self.height and 0 <= column < self.width):
                    continue
                if neighbor not in parents and neighbor not in stations_to_avoid:
                    parents[neighbor] = cell
                    heappush(boundary, (height[row][column], neighbor))
        return order, parents


def _shift_cell(cell: Cell, direction: Cell, steps: int) -> Cell:
    return cell[0] + steps * direction[0], cell[1] + steps * direction[1]


def _slice_square_around(cell: Cell, radius: int) -> tuple[slice, slice]:
    """Return the slices of all cells at most `distance` from `cell`, in both directions."""
    row, column = cell
    return (
        slice(row - radius, row + radius + 1),
        slice(column - radius, column + radius + 1),
    )
