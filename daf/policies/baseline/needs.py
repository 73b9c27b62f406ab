"""Needs of an agent: missing resources, and the stations that give them."""

import warp as wp

from daf.policies.baseline.bitboard import (
    NOTHING,
    RADIUS,
    SIDE,
    Boards,
    in_mask,
)
from daf.policies.baseline.mapping import COOLING, FIRST_KIND
from daf.policies.baseline.roles import CARRYING_CAPACITY
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.window import Planes, Window, read_plane_at_agent_cell

CAPACITY = wp.constant(CARRYING_CAPACITY)
MAIN_LOAD_HEARTS = wp.constant(2)  # smaller loads of a resource do not keep an agent away
CHARGER_REACH = wp.constant(20)  # a charger farther away, in cells, saves no time


@wp.func
def missing_resource_mask(
    strategy: Strategy, window: Window, view: Planes, carrier_index: int
) -> int:
    """Return the set of resources of which the agent carries less than its load.

    A full agent misses nothing.
    """
    missing = int(0)
    if total_carried_heart_resources(strategy, window, view) < CAPACITY:
        for r in range(strategy.resource.shape[0]):
            amount = read_plane_at_agent_cell(window, view, strategy.resource[r])
            if amount < strategy.load[carrier_index, r]:
                missing |= 1 << r
    return missing


@wp.func
def total_carried_heart_resources(strategy: Strategy, window: Window, view: Planes) -> int:
    """Return the amount of all resources of a heart that the agent carries."""
    total = int(0)
    for r in range(strategy.resource.shape[0]):
        total += read_plane_at_agent_cell(window, view, strategy.resource[r])
    return total


@wp.func
def carries_main_resources_for_a_heart(
    strategy: Strategy, window: Window, view: Planes, carrier_index: int
) -> bool:
    """Check whether the agent carries enough for a heart of the main resources of its load."""
    carries = bool(True)
    for r in range(strategy.resource.shape[0]):
        amount = read_plane_at_agent_cell(window, view, strategy.resource[r])
        is_main = strategy.load[carrier_index, r] > MAIN_LOAD_HEARTS * strategy.recipe_amount[r]
        if is_main and amount < strategy.recipe_amount[r]:
            carries = False
    return carries


@wp.func
def source_kind_mask(strategy: Strategy, resource_mask: int) -> int:
    """Return the set of station kinds that give one of the resources."""
    kinds = int(0)
    for r in range(strategy.resource.shape[0]):
        if in_mask(resource_mask, r):
            kinds |= strategy.sources[r]
    return kinds


@wp.func
def choose_source_kinds(
    strategy: Strategy, kinds_on_map_mask: int, missing_mask: int, fully_explored: bool
) -> int:
    """Return the set of station kinds to gather from; empty to explore.

    Resources whose sources can fill an agent come last. Sources that need a team come first.
    """
    kinds = kinds_on_map_mask & source_kind_mask(strategy, missing_mask)
    for r in range(strategy.resource.shape[0]):
        is_large = (strategy.sources[r] & strategy.large_sources) != 0
        others = missing_mask & ~(1 << r)
        if is_large and in_mask(missing_mask, r) and others != 0:
            other_kinds = kinds_on_map_mask & source_kind_mask(strategy, others)
            if other_kinds != 0 or not fully_explored:
                kinds = other_kinds
    if (kinds & strategy.team_sources) != 0:
        kinds &= strategy.team_sources
    return kinds


@wp.func
def has_ready_station(maps: Boards, kind_mask: int) -> bool:
    """Check whether the maps show a station of these kinds without cooldown."""
    ready = wp.int64(0)
    for kind in range(maps.shape[0] - FIRST_KIND):
        if in_mask(kind_mask, kind):
            for row in range(SIDE):
                ready |= maps[FIRST_KIND + kind, row] & ~maps[COOLING, row]
    return ready != NOTHING


@wp.func
def is_charger_near(maps: Boards, charger_kind_mask: int) -> bool:
    """Check whether a charger is so near that the way to it takes less time than resting."""
    near = wp.int64(0)
    for kind in range(maps.shape[0] - FIRST_KIND):
        if in_mask(charger_kind_mask, kind):
            for row in range(RADIUS - CHARGER_REACH, RADIUS + CHARGER_REACH + 1):
                near |= maps[FIRST_KIND + kind, row]
    columns = (wp.int64(1) << wp.int64(2 * CHARGER_REACH + 1)) - wp.int64(1)
    return (near & (columns << wp.int64(RADIUS - CHARGER_REACH))) != NOTHING
