"""Maps of all layouts of a mission as arrays."""

from dataclasses import dataclass

import numpy as np

from daf.missions import Mission
from daf.missions.game_statistics import station_types
from daf.missions.mission import AGENT, WALL


@dataclass(frozen=True)
class MapArrays:
    """What stands where on the M maps of a mission, each in reading order: A agents, S stations of
    K `types`."""

    types: tuple[str, ...]
    wall: np.ndarray  # bool [M, H, W]
    agents: np.ndarray  # int [M, A, 2] row and column
    stations: np.ndarray  # int [M, S, 2] row and column
    station_type: np.ndarray  # int [M, S]

    @classmethod
    def of(cls, mission: Mission) -> "MapArrays":
        types = station_types(mission)
        wall = mission.mask_of(WALL)
        station = np.full(wall.shape, -1)
        for number, name in enumerate(types):
            station[mission.mask_of(name)] = number
        return cls(
            types=types,
            wall=wall,
            agents=positions_per_map(mission.mask_of(AGENT)),
            stations=positions_per_map(station >= 0),
            station_type=station[station >= 0].reshape(len(wall), -1),
        )


def positions_per_map(there: np.ndarray) -> np.ndarray:
    """Row and column of what is there, bool [M, H, W], as many on each map: [M, N, 2]."""
    places = np.argwhere(there)
    return places[:, 1:].reshape(len(there), len(places) // len(there), 2)


def int_array(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)
