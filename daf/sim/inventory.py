"""Inventories of agents: group limits, and the one function that changes an amount."""

import warp as wp

from daf.sim.bits import lowest_set_bit
from daf.sim.state import Worlds
from daf.sim.tables.struct import Tables


@wp.func
def amount_carried(worlds: Worlds, world: int, agent: int, resource: int) -> int:
    return int(worlds.inventory[world, agent, resource])


@wp.func
def add_resource(
    t: Tables, worlds: Worlds, world: int, agent: int, resource: int, amount: int
) -> int:
    """Add (or take) as much of `amount` as the limit of the resource's group allows.

    Returns the change that was accepted; the rest vanishes.
    """
    others = int(0)
    mates = int(t.limit_group_mask[resource])
    while mates != 0:
        others += amount_carried(worlds, world, agent, lowest_set_bit(wp.uint64(mates)))
        mates &= mates - 1
    old = amount_carried(worlds, world, agent, resource)
    new = wp.max(wp.min(old + amount, t.limit[resource] - others), 0)
    worlds.inventory[world, agent, resource] = wp.uint8(new)
    if new > old:
        worlds.gained[world, agent, resource] = worlds.gained[world, agent, resource] + new - old
    return new - old
