"""Maps of all layouts of a mission as arrays, and their padded grid."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from daf.missions import Mission
from daf.missions.game_statistics import station_types_on_map
from daf.missions.mission import AGENT, WALL

TableData = dict[str, Any]
"""Fields of `Tables`: a number or an array by name."""


@dataclass(frozen=True)
class LayoutArrays:
    """Arrays of the maps of a mission; agents and stations are in reading order.

    Shapes use Y (layouts), H and W (rows and columns of the map), A (agents) and S (stations).
    """

    types: tuple[str, ...]  # names of the station types
    wall: np.ndarray  # bool [Y, H, W]
    agents: np.ndarray  # int [Y, A, 2], row and column
    stations: np.ndarray  # int [Y, S, 2], row and column
    station_type: np.ndarray  # int [Y, S], index into types

    @classmethod
    def from_mission(cls, mission: Mission) -> "LayoutArrays":
        """Build the arrays of all layouts of a mission."""
        types = station_types_on_map(mission)
        wall = mission.content_mask_per_layout(WALL)
        station = np.full(wall.shape, -1)
        for index, name in enumerate(types):
            station[mission.content_mask_per_layout(name)] = index
        return cls(
            types=types,
            wall=wall,
            agents=find_cells_of_each_layout(mission.content_mask_per_layout(AGENT)),
            stations=find_cells_of_each_layout(station >= 0),
            station_type=station[station >= 0].reshape(len(wall), -1),
        )


@dataclass(frozen=True)
class PaddedGridGeometry:
    """A map with a border of half a window, so that the grid contains every window.

    Attributes:
        pad_rows, pad_columns: width of the border, in cells.
        width: columns of the grid: cell = (row + pad_rows) * width + column + pad_columns.
    """

    pad_rows: int
    pad_columns: int
    width: int

    @classmethod
    def from_mission(cls, mission: Mission) -> "PaddedGridGeometry":
        """Return the grid of a mission, with a border of at least 1 cell."""
        pad_rows = max(mission.window_height // 2, 1)
        pad_columns = max(mission.window_width // 2, 1)
        return cls(pad_rows, pad_columns, mission.width + 2 * pad_columns)

    def cell_indices(self, map_positions: np.ndarray) -> np.ndarray:
        """Return the grid cells of positions int [..., 2] (row, column) on the map."""
        row, column = (
            map_positions[..., 0] + self.pad_rows,
            map_positions[..., 1] + self.pad_columns,
        )
        return row * self.width + column


def find_cells_of_each_layout(equal_count_masks: np.ndarray) -> np.ndarray:
    """Return the positions of the set cells of each map.

    Args:
        equal_count_masks: bool [Y, H, W], with the same number n of set cells on each map.

    Returns:
        row and column, int [Y, n, 2].
    """
    positions = np.argwhere(equal_count_masks)
    return positions[:, 1:].reshape(
        len(equal_count_masks), len(positions) // len(equal_count_masks), 2
    )


def to_int32_array(values: Any) -> np.ndarray:
    """Convert values to an int32 array."""
    return np.asarray(values, dtype=np.int32)
