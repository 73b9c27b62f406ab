"""Inventories of agents and their group limits."""

import warp as wp

from daf.sim.bits import find_lowest_set_bit_index
from daf.sim.state import Worlds
from daf.sim.tables.struct import Tables


@wp.func
def amount_carried(worlds: Worlds, world: int, agent: int, resource: int) -> int:
    """Return the amount of a resource that an agent carries."""
    return int(worlds.inventory[world, agent, resource])


@wp.func
def change_amount_within_limits(
    tables: Tables, worlds: Worlds, world: int, agent: int, resource: int, change: int
) -> int:
    """Change the carried amount, clamped to 0 and to the limit of the resource's group.

    Returns:
        actual change of the carried amount. The excess is lost.
    """
    others = int(0)
    group = int(tables.limit_group_mask[resource])
    while group != 0:
        others += amount_carried(worlds, world, agent, find_lowest_set_bit_index(wp.uint64(group)))
        group &= group - 1
    old = amount_carried(worlds, world, agent, resource)
    new = wp.max(wp.min(old + change, tables.limit[resource] - others), 0)
    worlds.inventory[world, agent, resource] = wp.uint8(new)
    if new > old:
        worlds.gained[world, agent, resource] = worlds.gained[world, agent, resource] + new - old
    return new - old
