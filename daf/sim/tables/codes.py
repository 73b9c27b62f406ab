"""Codes and sizes shared by kernels and tables."""

import warp as wp

from daf.missions import POSITIONS, RESOURCES
from daf.missions.stations import Side

# Content of a cell of the grid. Station k is FIRST_STATION + k, agent a is first_agent + a.
OUTSIDE = wp.constant(0)
EMPTY = wp.constant(1)
WALL_CODE = wp.constant(2)
FIRST_STATION = wp.constant(3)

# Elements of `station_at`: index of the station in the low bits, its type above them.
STATION_TYPE_SHIFT = wp.constant(16)
STATION_MASK = wp.constant(0xFFFF)

ENERGY = wp.constant(RESOURCES.index("energy"))
HEART = wp.constant(RESOURCES.index("heart"))
NUM_RESOURCES = wp.constant(len(RESOURCES))
NUM_POSITIONS = wp.constant(len(POSITIONS))
NO_RECIPE = wp.constant(-1)

ASSEMBLER_KIND = wp.constant(0)
CHEST_KIND = wp.constant(1)

MOVES: tuple[Side, ...] = ("N", "S", "W", "E")
OPPOSITE: dict[Side, Side] = {"N": "S", "S": "N", "W": "E", "E": "W"}
