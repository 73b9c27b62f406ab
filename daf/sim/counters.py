"""Column indices of the game statistics that kernels count.

Names are in `daf.missions.game_statistics`.
"""

import warp as wp

from daf.missions import RESOURCES
from daf.missions.game_statistics import COUNTER_NAMES

HEARTS_STORED = wp.constant(COUNTER_NAMES.index("hearts_stored"))
HEARTS_DEPOSITED = wp.constant(COUNTER_NAMES.index("hearts_deposited"))
HEARTS_WITHDRAWN = wp.constant(COUNTER_NAMES.index("hearts_withdrawn"))
HEARTS_DESTROYED = wp.constant(COUNTER_NAMES.index("hearts_destroyed"))
HEARTS_MADE_BY_1 = wp.constant(COUNTER_NAMES.index("hearts_made_by_1"))
MOVED = wp.constant(COUNTER_NAMES.index("moves"))
FAILED_MOVES = wp.constant(COUNTER_NAMES.index("failed_moves"))
SHARES = wp.constant(COUNTER_NAMES.index("shares"))
GLYPH_CHANGES = wp.constant(COUNTER_NAMES.index("glyph_changes"))
INVALID_ACTIONS = wp.constant(COUNTER_NAMES.index("invalid_actions"))
ENERGY_SPENT_MOVING = wp.constant(COUNTER_NAMES.index("energy_spent_moving"))
PARTIAL_USES = wp.constant(COUNTER_NAMES.index("partial_uses"))
REPAIRS = wp.constant(COUNTER_NAMES.index("repairs"))
CLIPS = wp.constant(COUNTER_NAMES.index("clips"))
FIRST_MADE = wp.constant(len(COUNTER_NAMES))
FIRST_USE = wp.constant(len(COUNTER_NAMES) + len(RESOURCES))
