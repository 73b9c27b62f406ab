"""Caves: water rises in a rough ground from the assembler on, and what is wet is the floor."""

from heapq import heappop, heappush
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from daf.config import ConfigError, Int
from daf.missions.cells import AGENT, FLOOR, MAX_AGENTS, MAX_SIDE
from daf.missions.layouts import Layout, choose_cell

CLEAR_RADIUS = 3  # cells around the assembler in which no other station is scattered
SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
KNIGHT = ((-2, -1), (-2, 1), (-1, -2), (-1, 2), (1, -2), (1, 2), (2, -1), (2, 1))


class Cave(Layout):
    """A connected cave of exactly `open` cells; on them, all stations and agents.

    In its middle an assembler, the first four agents two cells N, S, W and E of it, a chest three
    steps (Manhattan) from it. All other stations are scattered, further agents stand anywhere. The
    eight cells around every station are open.
    """

    generator: Literal["cave"] = "cave"
    height: Int = Field(ge=2 * CLEAR_RADIUS + 1, le=MAX_SIDE - 2)
    width: Int = Field(ge=2 * CLEAR_RADIUS + 1, le=MAX_SIDE - 2)
    open: Int = Field(ge=1, le=MAX_SIDE**2)
    agents: Int = Field(default=4, ge=1, le=MAX_AGENTS)

    @model_validator(mode="after")
    def _check_stations(self):
        if not (self.stations.get("assembler") and self.stations.get("chest")):
            raise ValueError("a cave has at least one assembler and one chest")
        return self

    def draw(self, inside: np.ndarray, symbol: dict[str, str], random: np.random.Generator) -> None:
        middle = (self.height // 2, self.width // 2)
        places = self._place_stations(middle, random)
        starts = [_beside(middle, side, 2) for side in SIDES][: self.agents]
        floor = self._carve_floor(middle, places, starts, random)
        inside[floor] = symbol[FLOOR]
        for place, name in places.items():
            inside[place] = symbol[name]
        for place in starts:
            inside[place] = symbol[AGENT]
        for _ in range(self.agents - len(starts)):
            place = choose_cell(inside == symbol[FLOOR], random, f"the {self.agents} agents")
            inside[place] = symbol[AGENT]

    def _place_stations(
        self, middle: tuple[int, int], random: np.random.Generator
    ) -> dict[tuple[int, int], str]:
        """What stands where; no two touch, none touches the border."""
        names = self.station_list()
        free = np.zeros((self.height, self.width), dtype=bool)
        free[1:-1, 1:-1] = True
        free[_around(middle, CLEAR_RADIUS)] = False
        chest = _beside(middle, KNIGHT[random.integers(len(KNIGHT))], 1)
        free[_around(chest, 1)] = False
        places = {middle: "assembler", chest: "chest"}
        for name in places.values():
            names.remove(name)
        for name in names:
            place = choose_cell(free, random, f"the {len(names) + 2} stations")
            free[_around(place, 1)] = False
            places[place] = name
        return places

    def _carve_floor(
        self,
        middle: tuple[int, int],
        places: dict[tuple[int, int], str],
        starts: list[tuple[int, int]],
        random: np.random.Generator,
    ) -> np.ndarray:
        """The open cells, bool [height, width]: connected, `open` of them, stations included.

        Invasion percolation (Wilkinson and Willemsen 1983): the next cell is always the lowest
        one at the shore, and remembers from where it was reached. The cells around the stations
        are open first, with the way by which the water came there; then the first of the others,
        until there are enough. Every such set is connected.
        """
        order, came_from = self._invasion_order(_beside(middle, SIDES[0], 1), places, random)
        number = {cell: n for n, cell in enumerate(order)}
        floor = np.zeros((self.height, self.width), dtype=bool)
        for row, column in places:
            around = floor[_around((row, column), 1)]
            reached = around.any()
            around[:] = True
            ring = [(r, c) for r in range(row - 1, row + 2) for c in range(column - 1, column + 2)]
            lowest = min(ring, key=lambda cell: number.get(cell, len(number)))
            cell = None if reached else came_from[lowest]
            while cell is not None and not floor[cell]:
                floor[cell] = True
                cell = came_from[cell]
        for cell in starts:
            floor[cell] = True
        needed, most = int(floor.sum()), len(order) + len(places)
        if not needed <= self.open <= most:
            raise ConfigError(
                f"key 'layout.open': got {self.open}; with these stations and this seed "
                f"{needed} to {most} cells can be open"
            )
        dry = [cell for cell in order if not floor[cell]]
        for cell in dry[: self.open - needed]:
            floor[cell] = True
        return floor

    def _invasion_order(
        self,
        source: tuple[int, int],
        places: dict[tuple[int, int], str],
        random: np.random.Generator,
    ) -> tuple[list[tuple[int, int]], dict[tuple[int, int], tuple[int, int] | None]]:
        """All cells but those of stations in the order in which the water reaches them, and for
        each the cell from where it came."""
        ground = random.integers(0, 256, size=(self.height, self.width))
        for axis in (0, 1, 0, 1):  # smooth, in whole numbers: the same on every machine
            ground = sum(np.roll(ground, shift, axis) for shift in (-1, 0, 1))
        height = ground.tolist()
        came_from: dict[tuple[int, int], tuple[int, int] | None] = {source: None}
        shore = [(height[source[0]][source[1]], source)]
        order = []
        while shore:
            _, cell = heappop(shore)
            order.append(cell)
            for side in SIDES:
                row, column = there = _beside(cell, side, 1)
                if not (0 <= row < self.height and 0 <= column < self.width):
                    continue
                if there not in came_from and there not in places:
                    came_from[there] = cell
                    heappush(shore, (height[row][column], there))
        return order, came_from


def _beside(place: tuple[int, int], side: tuple[int, int], steps: int) -> tuple[int, int]:
    return place[0] + steps * side[0], place[1] + steps * side[1]


def _around(place: tuple[int, int], distance: int) -> tuple[slice, slice]:
    """The square of cells at most `distance` from `place`, in both directions."""
    return tuple(slice(middle - distance, middle + distance + 1) for middle in place)
