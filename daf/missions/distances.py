"""Where agents can walk in a mission, and how far it is."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations

import numpy as np

from daf.missions.mission import AGENT, WALL, Mission
from daf.missions.stations import POSITIONS

UNREACHABLE = 10_000_000
"""More steps than any episode has: there is no way."""

OFFSETS = tuple((r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0))
"""(row, column) of the cell at each of POSITIONS, as seen from a station."""

SIDES = tuple(POSITIONS.index(side) for side in ("N", "W", "E", "S"))
"""The positions from which a station is used."""

Cell = tuple[int, int]


class WalkingDistances:
    """The cells of a mission that agents can come to.

    Agents stand in each other's way, and a way costs energy; here neither counts, so the steps
    are the least that it can take.

    Attributes:
        starts: the cells of the agents, by id.
        from_starts: int64 [H, W], steps from the nearest of them; FAR where none can come to.
    """

    def __init__(self, mission: Mission):
        self.shape = (mission.height, mission.width)
        self._free = np.ones(self.shape, dtype=bool)
        for row, column, _ in mission.cells_with(WALL, *mission.stations):
            self._free[row, column] = False
        self.starts = [(row, column) for row, column, _ in mission.cells_with(AGENT)]
        self.from_starts = self.steps_from(self.starts)

    def steps_from(self, cells: list[Cell]) -> np.ndarray:
        """The least steps to each cell from the nearest of `cells`, int64 [H, W]."""
        steps = np.full(self.shape, UNREACHABLE, dtype=np.int64)
        front = np.zeros(self.shape, dtype=bool)
        for cell in cells:
            front[cell] = True
        taken = 0
        while front.any():
            steps[front] = taken
            wider = np.zeros(self.shape, dtype=bool)
            wider[1:] |= front[:-1]
            wider[:-1] |= front[1:]
            wider[:, 1:] |= front[:, :-1]
            wider[:, :-1] |= front[:, 1:]
            front = wider & self._free & (steps == UNREACHABLE)
            taken += 1
        return steps

    def reachable_neighbors(self, station: Cell, positions: Iterable[int]) -> list[Cell]:
        """The cells at these positions around a station that an agent can come to."""
        cells = [_at(station, position) for position in positions]
        return [
            cell for cell in cells if self._on_map(cell) and self.from_starts[cell] < UNREACHABLE
        ]

    def formations(self, station: Cell, most: int) -> frozenset[int]:
        """The neighbour bytes that up to `most` agents can make while one of them uses a station.

        Cells outside the map take no bit, the later ones shift down, as in the engine.
        """
        on_map = [p for p in range(len(POSITIONS)) if self._on_map(_at(station, p))]
        standing = tuple(p for p in on_map if self.reachable_neighbors(station, [p]))
        return _formations(tuple(on_map), standing, min(most, len(POSITIONS)))

    def _on_map(self, cell: Cell) -> bool:
        return 0 <= cell[0] < self.shape[0] and 0 <= cell[1] < self.shape[1]


class AnyLayoutDistances(WalkingDistances):
    """What holds in all layouts of a mission: agents can come to every cell around every station,
    for none touches another or the border; how far it is, nobody knows, so all is near."""

    def steps_from(self, cells: list[Cell]) -> np.ndarray:
        return np.full(self.shape, 0 if cells else UNREACHABLE, dtype=np.int64)


def _at(station: Cell, position: int) -> Cell:
    row, column = OFFSETS[position]
    return station[0] + row, station[1] + column


@lru_cache(maxsize=1024)
def _formations(on_map: tuple[int, ...], standing: tuple[int, ...], most: int) -> frozenset[int]:
    bit = {position: 1 << number for number, position in enumerate(on_map)}
    return frozenset(
        sum(bit[position] for position in around)
        for agents in range(1, most + 1)
        for around in combinations(standing, agents)
        if set(around) & set(SIDES)
    )
