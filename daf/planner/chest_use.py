"""Uses of chests in a forecast: kernel functions that store hearts and take resources."""

import warp as wp

from daf.planner.routes import Routes
from daf.planner.team import ForecastState, regenerate_energy, room_for, wait_until, walk_to_node
from daf.sim.tables.codes import ENERGY, HEART, NUM_POSITIONS
from daf.sim.tables.struct import Tables

wp.set_module_options({"enable_backward": False})

EARLY_BONUS = wp.constant(0.2)
"""Value of a heart at the first step beyond that of a heart at the last step."""


@wp.func
def use_chest(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    chain: int,
    agent: int,
    station: int,
    steps_after_end: float,
):
    """Let an agent beside a chest put one heart in, or take out another resource."""
    station_type = tables.station_type[0, station]
    resource = tables.chest_resource[station_type]
    now = wp.max(state.time[chain, agent], state.chest_free[chain, station]) + 1
    while state.inventory[chain, agent, ENERGY] + (now - 1 - state.time[chain, agent]) < (
        tables.move_energy
    ):
        now += 1
    wait_until(tables, state, chain, agent, now - 1)
    delta = routes.delta[station]
    amount = wp.min(delta, state.inventory[chain, agent, resource])
    if delta < 0:
        requested = wp.min(-delta, state.stock[chain, station])
        amount = -wp.min(requested, room_for(tables, state, chain, agent, resource))
    if amount == 0:
        return
    stored = wp.min(amount, tables.chest_capacity[station_type] - state.stock[chain, station])
    state.stock[chain, station] = state.stock[chain, station] + stored
    state.inventory[chain, agent, resource] = state.inventory[chain, agent, resource] - amount
    state.inventory[chain, agent, ENERGY] = (
        state.inventory[chain, agent, ENERGY] - tables.move_energy
    )
    state.time[chain, agent] = now
    regenerate_energy(tables, state, chain, agent, now)
    if resource == HEART:
        state.chest_free[chain, station] = now + 1
        if now <= tables.max_steps:
            state.hearts[chain] = state.hearts[chain] + stored
        early = float(tables.max_steps - now)
        worth = 1.0 + EARLY_BONUS * early / float(tables.max_steps)
        if early < 0.0:
            worth = wp.max(0.0, 1.0 + early / wp.max(steps_after_end, 1.0))
        state.value[chain] = state.value[chain] + worth * float(stored)


@wp.func
def carry_heart_to_nearest_chest(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    chain: int,
    agent: int,
    steps_after_end: float,
):
    """Let an agent with a heart carry it to the nearest chest."""
    nearest_chest = routes.nearest_chest[state.node[chain, agent]]
    if nearest_chest >= 0:
        node = nearest_chest * NUM_POSITIONS + routes.side[nearest_chest]
        walk_to_node(tables, routes, state, chain, agent, node)
        use_chest(tables, routes, state, chain, agent, nearest_chest, steps_after_end)
