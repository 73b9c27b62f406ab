"""Rules of chests: deposits and withdrawals, selected by the side of the agent."""

import warp as wp

from daf.sim.counters import (
    FIRST_USE,
    HEARTS_DEPOSITED,
    HEARTS_DESTROYED,
    HEARTS_STORED,
    HEARTS_WITHDRAWN,
)
from daf.sim.inventory import amount_carried, change_amount_within_limits
from daf.sim.state import Worlds
from daf.sim.tables.codes import HEART
from daf.sim.tables.struct import Tables


@wp.func
def try_use_chest(
    tables: Tables,
    worlds: Worlds,
    world: int,
    agent: int,
    station: int,
    station_type: int,
    direction: int,
) -> bool:
    """Apply one use of a chest by an agent that moves into it.

    Returns:
        success; a failed use changes nothing.
    """
    delta = tables.chest_delta[station_type, direction]
    resource = tables.chest_resource[station_type]
    stock = worlds.stock[world, station]
    stock_change = int(0)
    if delta > 0:
        # deposit: at most the carried amount
        deposited = wp.min(delta, amount_carried(worlds, world, agent, resource))
        if deposited == 0:
            return False
        # A full chest destroys the excess. The agent loses the whole amount.
        change_amount_within_limits(tables, worlds, world, agent, resource, -deposited)
        stock_change = wp.min(deposited, tables.chest_capacity[station_type] - stock)
        if resource == HEART:
            worlds.counters[world, HEARTS_DESTROYED] = (
                worlds.counters[world, HEARTS_DESTROYED] + deposited - stock_change
            )
    else:
        # withdrawal: at most the stock and the room of the agent
        requested = wp.min(-delta, stock)
        if requested == 0:
            return False
        stock_change = -change_amount_within_limits(
            tables, worlds, world, agent, resource, requested
        )
        if stock_change == 0:
            return False
    if stock_change != 0:
        worlds.stock[world, station] = stock + stock_change
        worlds.last_chest_amount[world, resource] = stock + stock_change
        if resource == HEART:
            add_heart_stock_change_to_counters(worlds, world, stock_change)
    worlds.counters[world, FIRST_USE + station_type] = (
        worlds.counters[world, FIRST_USE + station_type] + 1
    )
    return True


@wp.func
def add_heart_stock_change_to_counters(worlds: Worlds, world: int, stock_change: int):
    """Add a change to the game statistics of hearts in chests."""
    worlds.counters[world, HEARTS_STORED] = worlds.counters[world, HEARTS_STORED] + stock_change
    if stock_change > 0:
        worlds.counters[world, HEARTS_DEPOSITED] = (
            worlds.counters[world, HEARTS_DEPOSITED] + stock_change
        )
    else:
        worlds.counters[world, HEARTS_WITHDRAWN] = (
            worlds.counters[world, HEARTS_WITHDRAWN] - stock_change
        )
