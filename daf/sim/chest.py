"""Use of chests: the side an agent stands on says what is put in or taken out."""

import warp as wp

from daf.sim.counters import (
    FIRST_USE,
    HEARTS_DEPOSITED,
    HEARTS_DESTROYED,
    HEARTS_STORED,
    HEARTS_WITHDRAWN,
)
from daf.sim.inventory import add_resource, amount_carried
from daf.sim.state import Worlds
from daf.sim.tables.codes import HEART
from daf.sim.tables.struct import Tables


@wp.func
def use_chest(
    t: Tables, worlds: Worlds, world: int, agent: int, station: int, kind: int, direction: int
) -> bool:
    """One use by `agent`, moving in `direction`; nothing changes unless it succeeds."""
    delta = t.chest_delta[kind, direction]
    resource = t.chest_resource[kind]
    stock = worlds.stock[world, station]
    stored = int(0)
    if delta > 0:
        offered = wp.min(delta, amount_carried(worlds, world, agent, resource))
        if offered == 0:
            return False
        # A full chest destroys what it cannot hold; the agent loses it all the same.
        add_resource(t, worlds, world, agent, resource, -offered)
        stored = wp.min(offered, t.chest_capacity[kind] - stock)
        if resource == HEART:
            worlds.counters[world, HEARTS_DESTROYED] = (
                worlds.counters[world, HEARTS_DESTROYED] + offered - stored
            )
    else:
        wanted = wp.min(-delta, stock)
        if wanted == 0:
            return False
        stored = -add_resource(t, worlds, world, agent, resource, wanted)
        if stored == 0:
            return False
    if stored != 0:
        worlds.stock[world, station] = stock + stored
        worlds.last_chest_amount[world, resource] = stock + stored
        if resource == HEART:
            count_hearts(worlds, world, stored)
    worlds.counters[world, FIRST_USE + kind] = worlds.counters[world, FIRST_USE + kind] + 1
    return True


@wp.func
def count_hearts(worlds: Worlds, world: int, stored: int):
    worlds.counters[world, HEARTS_STORED] = worlds.counters[world, HEARTS_STORED] + stored
    if stored > 0:
        worlds.counters[world, HEARTS_DEPOSITED] = worlds.counters[world, HEARTS_DEPOSITED] + stored
    else:
        worlds.counters[world, HEARTS_WITHDRAWN] = worlds.counters[world, HEARTS_WITHDRAWN] - stored
