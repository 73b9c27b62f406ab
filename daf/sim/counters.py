"""Columns of the counters that the kernels increase; names in `daf.missions.game_statistics`."""

import warp as wp

from daf.missions import RESOURCES
from daf.missions.game_statistics import COUNTED

HEARTS_STORED = wp.constant(COUNTED.index("hearts_stored"))
HEARTS_DEPOSITED = wp.constant(COUNTED.index("hearts_deposited"))
HEARTS_WITHDRAWN = wp.constant(COUNTED.index("hearts_withdrawn"))
HEARTS_DESTROYED = wp.constant(COUNTED.index("hearts_destroyed"))
HEARTS_MADE_BY_1 = wp.constant(COUNTED.index("hearts_made_by_1"))
MOVED = wp.constant(COUNTED.index("moves"))
FAILED_MOVES = wp.constant(COUNTED.index("failed_moves"))
SHARES = wp.constant(COUNTED.index("shares"))
GLYPH_CHANGES = wp.constant(COUNTED.index("glyph_changes"))
INVALID_ACTIONS = wp.constant(COUNTED.index("invalid_actions"))
ENERGY_SPENT_MOVING = wp.constant(COUNTED.index("energy_spent_moving"))
PARTIAL_USES = wp.constant(COUNTED.index("partial_uses"))
REPAIRS = wp.constant(COUNTED.index("repairs"))
CLIPS = wp.constant(COUNTED.index("clips"))
FIRST_MADE = wp.constant(len(COUNTED))
FIRST_USE = wp.constant(len(COUNTED) + len(RESOURCES))
