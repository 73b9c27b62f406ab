"""Repair of clipped stations: who gathers, makes and carries the gear."""

import warp as wp

from daf.policies.baseline.bitboard import (
    NOTHING,
    SIDE,
    Boards,
)
from daf.policies.baseline.mapping import CLIPPED_STATION
from daf.policies.baseline.memory import AgentMemory
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.team import Team
from daf.policies.baseline.window import NO_PLANE, Planes, Window, read_plane_at_agent_cell

NO_RESOURCE = wp.constant(-1)


@wp.func
def find_first_resource_only_from_repair(
    strategy: Strategy, maps: Boards, kinds_on_map_mask: int, team: Team
) -> int:
    """Find the first resource that only a repair gives; NO_RESOURCE if none needs one.

    No usable source of it is on the map, no visible agent carries it, and a clipped station is on
    the map.
    """
    resource = int(NO_RESOURCE)
    if strategy.gear_plane != NO_PLANE:
        clipped = wp.int64(0)
        for row in range(SIDE):
            clipped |= maps[CLIPPED_STATION, row]
        for r in range(strategy.resource.shape[0]):
            has_source = (kinds_on_map_mask & strategy.sources[r]) != 0
            is_needed = not has_source and team.stock[r] == 0
            if resource == NO_RESOURCE and clipped != NOTHING and is_needed:
                resource = r
    return resource


@wp.func
def carries_gear(strategy: Strategy, window: Window, view: Planes) -> bool:
    """Check whether the agent carries gear for a repair."""
    carries = bool(False)
    if strategy.gear_plane != NO_PLANE:
        carries = read_plane_at_agent_cell(window, view, strategy.gear_plane) > 0
    return carries


@wp.func
def must_gather_more_gear_resource(
    strategy: Strategy, window: Window, view: Planes, clipped_resource: int, memory: AgentMemory
) -> bool:
    """Check whether the agent gathers the resource of gear and has too little of it."""
    needs = bool(False)
    if clipped_resource != NO_RESOURCE:
        amount = read_plane_at_agent_cell(window, view, strategy.resource[strategy.gear_resource])
        is_collector = strategy.load[memory.carrier, strategy.gear_resource] > 0
        needs = is_collector and amount < strategy.gear_amount
    return needs


@wp.func
def can_make_gear(
    strategy: Strategy, window: Window, view: Planes, clipped_resource: int, memory: AgentMemory
) -> bool:
    """Check whether the agent carries the resource of gear that the team needs.

    An agent without a place in the team makes no gear, since nobody would help it.
    """
    can_make = bool(False)
    if clipped_resource != NO_RESOURCE and memory.carrier < strategy.load.shape[0] - 1:
        amount = read_plane_at_agent_cell(window, view, strategy.resource[strategy.gear_resource])
        is_collector = strategy.load[memory.carrier, strategy.gear_resource] > 0
        can_make = is_collector and amount >= strategy.gear_amount
    return can_make


@wp.func
def is_gear_carrier_visible(strategy: Strategy, view: Planes) -> bool:
    """Check whether an agent in view carries gear for a repair."""
    visible = bool(False)
    if strategy.gear_plane != NO_PLANE:
        for cell in range(view.shape[1]):
            visible = visible or view[strategy.gear_plane, cell] > wp.uint8(0)
    return visible
