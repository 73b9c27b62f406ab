"""Routes: walking distances between the cells around the stations of a mission."""

from functools import cached_property

import numpy as np
import torch
import warp as wp

from daf.config import ConfigError
from daf.missions import POSITIONS, Chest, Mission
from daf.missions.cells import WALL
from daf.missions.distances import OFFSETS, UNREACHABLE, Cell, WalkingDistances
from daf.sim.tables.build import MissionTables
from daf.sim.tables.codes import HEART

MAX_AGENTS = 8
"""Agents of a schedule; a visit packs 3 bits for the position of each."""


@wp.struct
class Routes:
    """Places of a mission, as arguments of kernels.

    A node is a cell beside a station (station * 8 + index in POSITIONS) or the start cell of an
    agent (num_stations * 8 + agent).

    Attributes:
        distance: [N, N], steps between nodes.
        side: [S], index in POSITIONS from which agents use a chest; -1 for other stations.
        delta: [S], change of the stock of a chest by a use from that side; 0 for other stations.
        makes_heart: [S], 1 if a recipe of the station makes hearts.
        nearest_chest: [N], nearest chest for hearts; -1 without one.
        chest_steps: [N], steps to it.
        type_start: [B + 1], first element of `by_type` of each station type.
        by_type: [S], stations ordered by type.
    """

    distance: wp.array2d(dtype=wp.int32)
    side: wp.array(dtype=wp.int32)
    delta: wp.array(dtype=wp.int32)
    makes_heart: wp.array(dtype=wp.int32)
    nearest_chest: wp.array(dtype=wp.int32)
    chest_steps: wp.array(dtype=wp.int32)
    type_start: wp.array(dtype=wp.int32)
    by_type: wp.array(dtype=wp.int32)


class RouteMap:
    """Nodes of a mission with a single layout, and the distances between them.

    Args:
        mission: mission to plan.

    Raises:
        ConfigError: the planner cannot plan this mission.

    Attributes:
        mission: mission to plan.
        tables: tables of the rules.
        stations: cells of the S stations, in reading order, which is the order of their indices.
        names: station type of each station.
        starts: start cells of the agents.
        free: bool [H, W], cells without a wall or station.
        node_cells: cell of each node.
        distance: int32 [N, N], steps between nodes; UNREACHABLE without a path.
        sides: index in POSITIONS from which agents use a chest; -1 for other stations.
        deltas: change of the stock of a chest by a use from that side; 0 for other stations.
    """

    def __init__(self, mission: Mission):
        _check_supported(mission)
        self.mission = mission
        self.tables = MissionTables(mission, "cpu")
        walking = WalkingDistances(mission)
        located = mission.find_cells_with(*mission.stations)
        self.stations: list[Cell] = [(row, column) for row, column, _ in located]
        self.names = [name for _, _, name in located]
        self.starts: list[Cell] = walking.starts
        self.free = np.ones((mission.height, mission.width), dtype=bool)
        for row, column, _ in mission.find_cells_with(WALL, *mission.stations):
            self.free[row, column] = False
        self.node_cells = [
            (row + OFFSETS[position][0], column + OFFSETS[position][1])
            for row, column in self.stations
            for position in range(len(POSITIONS))
        ] + self.starts
        self.distance = self._measure_distances(walking)
        sides_and_deltas = [
            self._find_chest_use_position_and_stock_change(name) for name in self.names
        ]
        self.sides = [side for side, _ in sides_and_deltas]
        self.deltas = [delta for _, delta in sides_and_deltas]

    def cell_index(self, cell: Cell) -> int:
        """Return a cell as a number, row * W + column."""
        return cell[0] * self.mission.width + cell[1]

    def _measure_distances(self, walking: WalkingDistances) -> np.ndarray:
        nodes = np.array(self.node_cells).T
        is_open = self.free[nodes[0], nodes[1]]
        distance = np.full((len(is_open),) * 2, UNREACHABLE, dtype=np.int32)
        rows: dict[Cell, np.ndarray] = {}
        for node in np.flatnonzero(is_open):
            cell = self.node_cells[node]
            if cell not in rows:
                rows[cell] = walking.min_steps_from([cell])[nodes[0], nodes[1]]
            distance[node] = rows[cell]
        return distance

    @cached_property
    def struct(self) -> Routes:
        """Warp struct of the nodes."""
        data = self.tables.data
        types = data["station_type"][0]
        order = np.argsort(types, kind="stable").astype(np.int32)
        num_types = len(data["station_kind"])
        starts = np.searchsorted(types[order], np.arange(num_types + 1)).astype(np.int32)
        outputs = data["recipe_output"][:, HEART] > 0
        recipes = data["recipe"]
        makes_heart = ((recipes >= 0) & outputs[np.maximum(recipes, 0)]).any(axis=1)
        chests = [station for station, delta in enumerate(self.deltas) if delta > 0]
        nodes = [station * len(POSITIONS) + self.sides[station] for station in chests]
        nearest_chest = np.full(len(self.distance), -1, dtype=np.int32)
        chest_steps = np.full(len(self.distance), UNREACHABLE, dtype=np.int32)
        if chests:
            nearest_chest = np.array(chests, dtype=np.int32)[self.distance[:, nodes].argmin(axis=1)]
            chest_steps = np.ascontiguousarray(self.distance[:, nodes].min(axis=1))
        struct = Routes()
        for field, array in {
            "distance": self.distance,
            "side": np.array(self.sides, dtype=np.int32),
            "delta": np.array(self.deltas, dtype=np.int32),
            "makes_heart": makes_heart[types].astype(np.int32),
            "nearest_chest": nearest_chest,
            "chest_steps": chest_steps,
            "type_start": starts,
            "by_type": order,
        }.items():
            setattr(struct, field, wp.from_torch(torch.from_numpy(array)))
        return struct

    def _find_chest_use_position_and_stock_change(self, station_name: str) -> tuple[int, int]:
        """Return the side from which agents use a chest, and the change of its stock.

        Agents put hearts into a chest and take other resources out of it.
        """
        station = self.mission.stations[station_name]
        if not isinstance(station, Chest):
            return -1, 0
        sign = 1 if station.resource == "heart" else -1
        side, delta = max(station.sides.items(), key=lambda item: sign * item[1])
        return POSITIONS.index(side), delta if sign * delta > 0 else 0


def _check_supported(mission: Mission) -> None:
    if mission.layout is not None:
        raise ConfigError(f"mission {mission.name}: has several layouts; select one (NAME@SEED)")
    if mission.num_agents > MAX_AGENTS:
        raise ConfigError(
            f"mission {mission.name}: got {mission.num_agents} agents; "
            f"the planner accepts at most {MAX_AGENTS}"
        )
    if mission.max_steps == 0:
        raise ConfigError(f"mission {mission.name}: its episodes have no end")
