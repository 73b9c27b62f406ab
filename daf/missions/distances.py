"""Walking distances on the map of a mission, as lower bounds of the steps between cells."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations

import numpy as np

from daf.missions.mission import AGENT, WALL, Mission
from daf.missions.stations import POSITIONS

UNREACHABLE = 10_000_000
"""Distance of unreachable cells; larger than the length of any episode."""

OFFSETS = tuple((r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0))
"""(row, column) offset from a station to the cell at each of POSITIONS."""

SIDES = tuple(POSITIONS.index(side) for side in ("N", "W", "E", "S"))
"""Positions from which an agent can use a station."""

Cell = tuple[int, int]
"""(row, column)."""


class WalkingDistances:
    """Reachable cells of a mission and their distances from the agents.

    Collisions between agents and the energy of moves are ignored, so all distances are lower
    bounds.

    Attributes:
        starts: start cells of the agents, by agent id.
        from_starts: int64 [H, W], steps from the nearest start; UNREACHABLE without a path.
    """

    def __init__(self, mission: Mission):
        self.shape = (mission.height, mission.width)
        self._free = np.ones(self.shape, dtype=bool)
        for row, column, _ in mission.find_cells_with(WALL, *mission.stations):
            self._free[row, column] = False
        self.starts = [(row, column) for row, column, _ in mission.find_cells_with(AGENT)]
        self.from_starts = self.min_steps_from(self.starts)

    def min_steps_from(self, start_cells: list[Cell]) -> np.ndarray:
        """Compute the minimum steps to each cell from the nearest start cell, int64 [H, W]."""
        steps = np.full(self.shape, UNREACHABLE, dtype=np.int64)
        front = np.zeros(self.shape, dtype=bool)
        for cell in start_cells:
            front[cell] = True
        distance = 0
        while front.any():
            steps[front] = distance
            dilated = np.zeros(self.shape, dtype=bool)
            dilated[1:] |= front[:-1]
            dilated[:-1] |= front[1:]
            dilated[:, 1:] |= front[:, :-1]
            dilated[:, :-1] |= front[:, 1:]
            front = dilated & self._free & (steps == UNREACHABLE)
            distance += 1
        return steps

    def select_reachable_neighbors(
        self, station_cell: Cell, neighbor_indices: Iterable[int]
    ) -> list[Cell]:
        """Return the neighbors of a station, of those with these indices, that an agent can reach.

        Args:
            station_cell: cell of the station.
            neighbor_indices: indices in POSITIONS.
        """
        cells = [_neighbor_cell(station_cell, index) for index in neighbor_indices]
        return [
            cell for cell in cells if self._is_on_map(cell) and self.from_starts[cell] < UNREACHABLE
        ]

    def reachable_neighbor_masks(self, station_cell: Cell, max_agents: int) -> frozenset[int]:
        """Return the neighbor masks that up to `max_agents` agents can form around a used station.

        Cells outside the map have no bit and the later bits shift down, as in the engine.
        """
        on_map = [
            p for p in range(len(POSITIONS)) if self._is_on_map(_neighbor_cell(station_cell, p))
        ]
        reachable = tuple(p for p in on_map if self.select_reachable_neighbors(station_cell, [p]))
        return _enumerate_occupied_neighbor_masks(
            tuple(on_map), reachable, min(max_agents, len(POSITIONS))
        )

    def _is_on_map(self, cell: Cell) -> bool:
        return 0 <= cell[0] < self.shape[0] and 0 <= cell[1] < self.shape[1]


class ZeroDistances(WalkingDistances):
    """Distances that hold in all layouts of a mission: 0 between all cells.

    Agents can reach every cell around every station, because no station touches another one or the
    border.
    """

    def min_steps_from(self, start_cells: list[Cell]) -> np.ndarray:
        """Return 0 for all cells, int64 [H, W]; UNREACHABLE without `start_cells`."""
        return np.full(self.shape, 0 if start_cells else UNREACHABLE, dtype=np.int64)


def _neighbor_cell(station_cell: Cell, neighbor_index: int) -> Cell:
    row, column = OFFSETS[neighbor_index]
    return station_cell[0] + row, station_cell[1] + column


@lru_cache(maxsize=1024)
def _enumerate_occupied_neighbor_masks(
    on_map_neighbor_indices: tuple[int, ...],
    reachable_neighbor_indices: tuple[int, ...],
    max_agents: int,
) -> frozenset[int]:
    bit = {position: 1 << index for index, position in enumerate(on_map_neighbor_indices)}
    return frozenset(
        sum(bit[position] for position in occupied)
        for agents in range(1, max_agents + 1)
        for occupied in combinations(reachable_neighbor_indices, agents)
        if set(occupied) & set(SIDES)
    )
