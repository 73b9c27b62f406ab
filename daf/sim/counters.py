"""Game statistics: what is counted in every world, and the names of the counters."""

import warp as wp

from daf.missions import RESOURCES
from daf.sim.tables import MissionTables

NAMES = (
    "hearts_stored",  # hearts in the chests now, less those at the start: the score
    "hearts_deposited",
    "hearts_withdrawn",
    "hearts_destroyed",
    "hearts_made_by_1",
    "hearts_made_by_2",
    "hearts_made_by_3",
    "hearts_made_by_4_or_more",
    "moves",
    "failed_moves",
    "shares",
    "glyph_changes",
    "invalid_actions",
    "energy_spent_moving",
    "partial_uses",
    "repairs",
    "clips",
)

HEARTS_STORED = wp.constant(NAMES.index("hearts_stored"))
HEARTS_DEPOSITED = wp.constant(NAMES.index("hearts_deposited"))
HEARTS_WITHDRAWN = wp.constant(NAMES.index("hearts_withdrawn"))
HEARTS_DESTROYED = wp.constant(NAMES.index("hearts_destroyed"))
HEARTS_MADE_BY_1 = wp.constant(NAMES.index("hearts_made_by_1"))
MOVED = wp.constant(NAMES.index("moves"))
FAILED_MOVES = wp.constant(NAMES.index("failed_moves"))
SHARES = wp.constant(NAMES.index("shares"))
GLYPH_CHANGES = wp.constant(NAMES.index("glyph_changes"))
INVALID_ACTIONS = wp.constant(NAMES.index("invalid_actions"))
ENERGY_SPENT_MOVING = wp.constant(NAMES.index("energy_spent_moving"))
PARTIAL_USES = wp.constant(NAMES.index("partial_uses"))
REPAIRS = wp.constant(NAMES.index("repairs"))
CLIPS = wp.constant(NAMES.index("clips"))
FIRST_MADE = wp.constant(len(NAMES))
FIRST_USE = wp.constant(len(NAMES) + len(RESOURCES))


def counter_names(tables: MissionTables) -> list[str]:
    """Names of the K counters of a mission: the fixed ones, then `made_RESOURCE` (output that
    stations gave and agents could carry), then `uses_STATION` for each kind of station present."""
    made = [f"made_{resource}" for resource in RESOURCES]
    return [*NAMES, *made, *(f"uses_{name}" for name in tables.stations.types)]
