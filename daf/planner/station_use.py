"""Uses of stations in a forecast: kernel functions with the rules of recipes and cooldowns."""

import warp as wp

from daf.planner.routes import Routes
from daf.planner.team import (
    NEVER,
    ForecastState,
    regenerate_energy,
    room_for,
    wait_until,
)
from daf.sim.tables.codes import ENERGY, NUM_POSITIONS, NUM_RESOURCES
from daf.sim.tables.struct import Tables

wp.set_module_options({"enable_backward": False})

MAX_WAIT = wp.constant(120)
"""Steps that members wait for the energy of a use."""

SIDE_BITS = wp.constant(0b01011010)
"""Mask of the positions N, W, E and S, from which an agent uses a station."""


@wp.func
def choose_activator_with_most_room(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    chain: int,
    member_mask: int,
    resource: int,
) -> int:
    """Return the member at a side with the most room for a resource; -1 if there is no room.

    Among several, the one nearest to a chest for hearts acts.
    """
    best = int(-1)
    best_room = int(0)
    best_steps = int(0)
    for agent in range(tables.num_agents):
        if (member_mask >> agent) & 1 == 1 and (
            (SIDE_BITS >> state.position[chain, agent]) & 1 == 1
        ):
            room = room_for(tables, state, chain, agent, resource)
            steps = routes.chest_steps[state.node[chain, agent]]
            if room > best_room or (best >= 0 and room == best_room and steps < best_steps):
                best = agent
                best_room = room
                best_steps = steps
    return best


@wp.func
def sum_member_amounts_modulo_256(
    tables: Tables, state: ForecastState, chain: int, member_mask: int, resource: int
) -> int:
    """Return the sum over the members, modulo 256 as in the rules."""
    total = int(0)
    for agent in range(tables.num_agents):
        if (member_mask >> agent) & 1 == 1:
            total += state.inventory[chain, agent, resource]
    return total & 255


@wp.func
def take_input(
    tables: Tables,
    state: ForecastState,
    chain: int,
    member_mask: int,
    resource: int,
    amount: int,
):
    """Remove an amount from the members, in reading order of their positions."""
    remaining = amount
    for position in range(NUM_POSITIONS):
        for agent in range(tables.num_agents):
            if (member_mask >> agent) & 1 == 1 and state.position[chain, agent] == position:
                taken = wp.min(state.inventory[chain, agent, resource], remaining)
                state.inventory[chain, agent, resource] = (
                    state.inventory[chain, agent, resource] - taken
                )
                remaining -= taken


@wp.func
def next_use_step(
    state: ForecastState,
    chain: int,
    station: int,
    is_partial_use_allowed: int,
    current_step: int,
    min_cooldown_eighths: int,
):
    """Return the step of the next use after `current_step`, once the cooldown allows it."""
    end = state.cooldown_end[chain, station]
    if end <= current_step + 1:
        return current_step + 1
    if is_partial_use_allowed == 0:
        return end
    duration = state.cooldown_duration[chain, station]
    return wp.max(current_step + 1, end - duration + (duration * min_cooldown_eighths + 7) / 8)


@wp.func
def compute_output_reduced_by_cooldown(
    tables: Tables,
    state: ForecastState,
    chain: int,
    station: int,
    recipe: int,
    resource: int,
    now: int,
) -> int:
    """Return the amount that a use makes; less during the cooldown."""
    amount = tables.recipe_output[recipe, resource]
    end = state.cooldown_end[chain, station]
    if end <= now:
        return amount
    duration = state.cooldown_duration[chain, station]
    progress = float(wp.max(now - (end - duration), 0)) / float(duration)
    return int(wp.floor(float(amount) * progress))


@wp.func
def exchange_resources(
    tables: Tables,
    state: ForecastState,
    chain: int,
    station: int,
    recipe: int,
    member_mask: int,
    activator: int,
    now: int,
):
    """Take the inputs of a recipe from the members and give its outputs to the activator."""
    for resource in range(NUM_RESOURCES):
        if tables.recipe_input[recipe, resource] > 0:
            take_input(
                tables,
                state,
                chain,
                member_mask,
                resource,
                tables.recipe_input[recipe, resource],
            )
    for resource in range(NUM_RESOURCES):
        amount = compute_output_reduced_by_cooldown(
            tables, state, chain, station, recipe, resource, now
        )
        if amount > 0:
            amount = wp.min(amount, room_for(tables, state, chain, activator, resource))
            state.inventory[chain, activator, resource] = (
                state.inventory[chain, activator, resource] + amount
            )


@wp.func
def has_inputs_except_energy(
    tables: Tables, state: ForecastState, chain: int, recipe: int, member_mask: int
) -> bool:
    """Return whether the members have the inputs of a recipe except for energy."""
    for resource in range(NUM_RESOURCES):
        if resource != ENERGY and (
            sum_member_amounts_modulo_256(tables, state, chain, member_mask, resource)
            < tables.recipe_input[recipe, resource]
        ):
            return False
    return True


@wp.func
def wait_for_energy(
    tables: Tables,
    state: ForecastState,
    chain: int,
    recipe: int,
    member_mask: int,
    activator: int,
    now: int,
) -> int:
    """Let the members wait from step `now` on for the energy of a use.

    Returns:
        step of the use; NEVER after MAX_WAIT steps without enough energy.
    """
    step = int(now)
    while (
        state.inventory[chain, activator, ENERGY] < tables.move_energy
        or sum_member_amounts_modulo_256(tables, state, chain, member_mask, ENERGY)
        < tables.recipe_input[recipe, ENERGY]
    ):
        if step - now >= MAX_WAIT:
            return NEVER
        for agent in range(tables.num_agents):
            if (member_mask >> agent) & 1 == 1:
                wait_until(tables, state, chain, agent, step)
        step += 1
    return step


@wp.func
def use_station(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    chain: int,
    station: int,
    member_mask: int,
    occupied_mask: int,
    max_num_uses: int,
    min_cooldown_eighths: int,
) -> bool:
    """Let the members around a station use it several times; they act as long as it is of use."""
    made_any = bool(False)
    station_type = tables.station_type[0, station]
    recipe = tables.recipe[station_type, occupied_mask]
    if recipe < 0:
        return made_any
    product = int(-1)
    for resource in range(NUM_RESOURCES):
        if tables.recipe_output[recipe, resource] > 0 and product < 0:
            product = resource
    if product < 0:
        return made_any
    for _index in range(max_num_uses):
        limit = tables.max_uses[station_type]
        if limit > 0 and state.uses[chain, station] >= limit:
            return made_any
        activator = choose_activator_with_most_room(
            tables, routes, state, chain, member_mask, product
        )
        if activator < 0:
            return made_any
        if not has_inputs_except_energy(tables, state, chain, recipe, member_mask):
            return made_any
        time = state.time[chain, activator]
        now = next_use_step(
            state, chain, station, tables.partial[station_type], time, min_cooldown_eighths
        )
        for agent in range(tables.num_agents):
            if (member_mask >> agent) & 1 == 1:
                wait_until(tables, state, chain, agent, now - 1)
        now = wait_for_energy(tables, state, chain, recipe, member_mask, activator, now)
        if now >= NEVER:
            return made_any
        made = compute_output_reduced_by_cooldown(
            tables, state, chain, station, recipe, product, now
        )
        if made == 0:
            return made_any
        exchange_resources(tables, state, chain, station, recipe, member_mask, activator, now)
        state.inventory[chain, activator, ENERGY] = wp.max(
            state.inventory[chain, activator, ENERGY] - tables.move_energy, 0
        )
        state.uses[chain, station] = state.uses[chain, station] + 1
        state.cooldown_duration[chain, station] = tables.recipe_cooldown[recipe]
        state.cooldown_end[chain, station] = now + tables.recipe_cooldown[recipe]
        for agent in range(tables.num_agents):
            if (member_mask >> agent) & 1 == 1:
                state.time[chain, agent] = now
                regenerate_energy(tables, state, chain, agent, now)
        made_any = True
    return made_any
