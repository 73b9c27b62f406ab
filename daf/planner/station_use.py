"""Uses of stations in a forecast: kernel functions with the rules of recipes and cooldowns."""

import warp as wp

from daf.planner.routes import Routes
from daf.planner.team import NEVER, Team, regenerate, room_for, wait_until, walk
from daf.sim.tables.codes import ENERGY, HEART, NUM_POSITIONS, NUM_RESOURCES
from daf.sim.tables.struct import Tables

wp.set_module_options({"enable_backward": False})

EARLY_BONUS = wp.constant(0.2)
"""Value of a heart at the first step beyond that of a heart at the last step."""

MAX_WAIT = wp.constant(120)
"""Steps that members wait for the energy of a use."""

SIDE_BITS = wp.constant(0b01011010)
"""Mask of the positions N, W, E and S, from which an agent uses a station."""


@wp.func
def use_chest(
    tables: Tables,
    routes: Routes,
    team: Team,
    chain: int,
    agent: int,
    station: int,
    extension: float,
):
    """Let an agent beside a chest put one heart in, or take out another resource."""
    station_type = tables.station_type[0, station]
    resource = tables.chest_resource[station_type]
    now = wp.max(team.time[chain, agent], team.chest_free[chain, station]) + 1
    while team.inventory[chain, agent, ENERGY] + (now - 1 - team.time[chain, agent]) < (
        tables.move_energy
    ):
        now += 1
    wait_until(tables, team, chain, agent, now - 1)
    delta = routes.delta[station]
    amount = wp.min(delta, team.inventory[chain, agent, resource])
    if delta < 0:
        requested = wp.min(-delta, team.stock[chain, station])
        amount = -wp.min(requested, room_for(tables, team, chain, agent, resource))
    if amount == 0:
        return
    stored = wp.min(amount, tables.chest_capacity[station_type] - team.stock[chain, station])
    team.stock[chain, station] = team.stock[chain, station] + stored
    team.inventory[chain, agent, resource] = team.inventory[chain, agent, resource] - amount
    team.inventory[chain, agent, ENERGY] = team.inventory[chain, agent, ENERGY] - tables.move_energy
    team.time[chain, agent] = now
    regenerate(tables, team, chain, agent, now)
    if resource == HEART:
        team.chest_free[chain, station] = now + 1
        if now <= tables.max_steps:
            team.hearts[chain] = team.hearts[chain] + stored
        early = float(tables.max_steps - now)
        worth = 1.0 + EARLY_BONUS * early / float(tables.max_steps)
        if early < 0.0:
            worth = wp.max(0.0, 1.0 + early / wp.max(extension, 1.0))
        team.value[chain] = team.value[chain] + worth * float(stored)


@wp.func
def store_heart(
    tables: Tables, routes: Routes, team: Team, chain: int, agent: int, extension: float
):
    """Let an agent with a heart carry it to the nearest chest."""
    nearest_chest = routes.nearest_chest[team.node[chain, agent]]
    if nearest_chest >= 0:
        node = nearest_chest * NUM_POSITIONS + routes.side[nearest_chest]
        walk(tables, routes, team, chain, agent, node)
        use_chest(tables, routes, team, chain, agent, nearest_chest, extension)


@wp.func
def choose_activator(
    tables: Tables, routes: Routes, team: Team, chain: int, members: int, resource: int
) -> int:
    """Return the member at a side with the most room for a resource; -1 if there is no room.

    Among several, the one nearest to a chest for hearts acts.
    """
    best = int(-1)
    best_room = int(0)
    best_steps = int(0)
    for agent in range(tables.num_agents):
        if (members >> agent) & 1 == 1 and ((SIDE_BITS >> team.position[chain, agent]) & 1 == 1):
            room = room_for(tables, team, chain, agent, resource)
            steps = routes.chest_steps[team.node[chain, agent]]
            if room > best_room or (best >= 0 and room == best_room and steps < best_steps):
                best = agent
                best_room = room
                best_steps = steps
    return best


@wp.func
def pooled_amount(tables: Tables, team: Team, chain: int, members: int, resource: int) -> int:
    """Return the sum over the members, modulo 256 as in the rules."""
    total = int(0)
    for agent in range(tables.num_agents):
        if (members >> agent) & 1 == 1:
            total += team.inventory[chain, agent, resource]
    return total & 255


@wp.func
def take_input(tables: Tables, team: Team, chain: int, members: int, resource: int, amount: int):
    """Remove an amount from the members, in reading order of their positions."""
    remaining = amount
    for position in range(NUM_POSITIONS):
        for agent in range(tables.num_agents):
            if (members >> agent) & 1 == 1 and team.position[chain, agent] == position:
                taken = wp.min(team.inventory[chain, agent, resource], remaining)
                team.inventory[chain, agent, resource] = (
                    team.inventory[chain, agent, resource] - taken
                )
                remaining -= taken


@wp.func
def next_use_step(team: Team, chain: int, station: int, partial: int, time: int, eighths: int):
    """Return the step of the next use after `time`, once the cooldown allows it."""
    end = team.cooldown_end[chain, station]
    if end <= time + 1:
        return time + 1
    if partial == 0:
        return end
    duration = team.cooldown_duration[chain, station]
    return wp.max(time + 1, end - duration + (duration * eighths + 7) / 8)


@wp.func
def output_at(
    tables: Tables, team: Team, chain: int, station: int, recipe: int, resource: int, now: int
) -> int:
    """Return the amount that a use makes; less during the cooldown."""
    amount = tables.recipe_output[recipe, resource]
    end = team.cooldown_end[chain, station]
    if end <= now:
        return amount
    duration = team.cooldown_duration[chain, station]
    progress = float(wp.max(now - (end - duration), 0)) / float(duration)
    return int(wp.floor(float(amount) * progress))


@wp.func
def exchange_resources(
    tables: Tables,
    team: Team,
    chain: int,
    station: int,
    recipe: int,
    members: int,
    activator: int,
    now: int,
):
    """Take the inputs of a recipe from the members and give its outputs to the activator."""
    for resource in range(NUM_RESOURCES):
        if tables.recipe_input[recipe, resource] > 0:
            take_input(
                tables, team, chain, members, resource, tables.recipe_input[recipe, resource]
            )
    for resource in range(NUM_RESOURCES):
        amount = output_at(tables, team, chain, station, recipe, resource, now)
        if amount > 0:
            amount = wp.min(amount, room_for(tables, team, chain, activator, resource))
            team.inventory[chain, activator, resource] = (
                team.inventory[chain, activator, resource] + amount
            )


@wp.func
def has_inputs(tables: Tables, team: Team, chain: int, recipe: int, members: int) -> bool:
    """Return whether the members have the inputs of a recipe except for energy."""
    for resource in range(NUM_RESOURCES):
        if resource != ENERGY and (
            pooled_amount(tables, team, chain, members, resource)
            < tables.recipe_input[recipe, resource]
        ):
            return False
    return True


@wp.func
def wait_for_energy(
    tables: Tables, team: Team, chain: int, recipe: int, members: int, activator: int, now: int
) -> int:
    """Let the members wait from step `now` on for the energy of a use.

    Returns:
        step of the use; NEVER after MAX_WAIT steps without enough energy.
    """
    step = int(now)
    while (
        team.inventory[chain, activator, ENERGY] < tables.move_energy
        or pooled_amount(tables, team, chain, members, ENERGY) < tables.recipe_input[recipe, ENERGY]
    ):
        if step - now >= MAX_WAIT:
            return NEVER
        for agent in range(tables.num_agents):
            if (members >> agent) & 1 == 1:
                wait_until(tables, team, chain, agent, step)
        step += 1
    return step


@wp.func
def use_station(
    tables: Tables,
    routes: Routes,
    team: Team,
    chain: int,
    station: int,
    members: int,
    mask: int,
    num_uses: int,
    eighths: int,
) -> bool:
    """Let the members around a station use it several times; they act as long as it is of use."""
    made_any = bool(False)
    station_type = tables.station_type[0, station]
    recipe = tables.recipe[station_type, mask]
    if recipe < 0:
        return made_any
    product = int(-1)
    for resource in range(NUM_RESOURCES):
        if tables.recipe_output[recipe, resource] > 0 and product < 0:
            product = resource
    if product < 0:
        return made_any
    for _index in range(num_uses):
        limit = tables.max_uses[station_type]
        if limit > 0 and team.uses[chain, station] >= limit:
            return made_any
        activator = choose_activator(tables, routes, team, chain, members, product)
        if activator < 0:
            return made_any
        if not has_inputs(tables, team, chain, recipe, members):
            return made_any
        time = team.time[chain, activator]
        now = next_use_step(team, chain, station, tables.partial[station_type], time, eighths)
        for agent in range(tables.num_agents):
            if (members >> agent) & 1 == 1:
                wait_until(tables, team, chain, agent, now - 1)
        now = wait_for_energy(tables, team, chain, recipe, members, activator, now)
        if now >= NEVER:
            return made_any
        made = output_at(tables, team, chain, station, recipe, product, now)
        if made == 0:
            return made_any
        exchange_resources(tables, team, chain, station, recipe, members, activator, now)
        team.inventory[chain, activator, ENERGY] = wp.max(
            team.inventory[chain, activator, ENERGY] - tables.move_energy, 0
        )
        team.uses[chain, station] = team.uses[chain, station] + 1
        team.cooldown_duration[chain, station] = tables.recipe_cooldown[recipe]
        team.cooldown_end[chain, station] = now + tables.recipe_cooldown[recipe]
        for agent in range(tables.num_agents):
            if (members >> agent) & 1 == 1:
                team.time[chain, agent] = now
                regenerate(tables, team, chain, agent, now)
        made_any = True
    return made_any
