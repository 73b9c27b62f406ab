"""Team: state of agents and stations in a forecast, and kernel functions of walking and waiting."""

import warp as wp

from daf.planner.routes import Routes
from daf.sim.bits import lowest_set_bit
from daf.sim.tables.codes import ENERGY, NUM_POSITIONS, NUM_RESOURCES
from daf.sim.tables.struct import Tables

wp.set_module_options({"enable_backward": False})

NEVER = wp.constant(100000)
"""Step of an event that does not happen."""

STEPS_PER_DELAY = wp.constant(12)
"""Steps of a way for which a forecast expects one step of waiting for other agents."""


@wp.struct
class Team:
    """State of the agents and stations of each chain during a forecast."""

    time: wp.array2d(dtype=wp.int32)
    node: wp.array2d(dtype=wp.int32)
    inventory: wp.array3d(dtype=wp.int32)
    cooldown_end: wp.array2d(dtype=wp.int32)
    cooldown_duration: wp.array2d(dtype=wp.int32)
    uses: wp.array2d(dtype=wp.int32)
    stock: wp.array2d(dtype=wp.int32)
    chest_free: wp.array2d(dtype=wp.int32)
    position: wp.array2d(dtype=wp.int32)
    hearts: wp.array(dtype=wp.int32)
    value: wp.array(dtype=wp.float32)


@wp.func
def reset_team(tables: Tables, team: Team, chain: int):
    """Put the agents and stations of a chain into their initial state."""
    for agent in range(tables.num_agents):
        team.time[chain, agent] = 0
        team.node[chain, agent] = tables.num_stations * NUM_POSITIONS + agent
        for resource in range(NUM_RESOURCES):
            team.inventory[chain, agent, resource] = int(tables.initial_inventory[resource])
    for station in range(tables.num_stations):
        team.cooldown_end[chain, station] = 0
        team.cooldown_duration[chain, station] = 0
        team.uses[chain, station] = 0
        team.stock[chain, station] = tables.chest_initial[tables.station_type[0, station]]
        team.chest_free[chain, station] = 0
    team.hearts[chain] = 0
    team.value[chain] = 0.0


@wp.func
def room_for(tables: Tables, team: Team, chain: int, agent: int, resource: int) -> int:
    """Return the amount of a resource that an agent can still take."""
    total = team.inventory[chain, agent, resource]
    group = int(tables.limit_group_mask[resource])
    while group != 0:
        total += team.inventory[chain, agent, lowest_set_bit(wp.uint64(group))]
        group &= group - 1
    return wp.max(tables.limit[resource] - total, 0)


@wp.func
def regenerate(tables: Tables, team: Team, chain: int, agent: int, step: int):
    """Give an agent the energy that it receives at the end of a step."""
    if tables.regeneration_interval > 0 and step % tables.regeneration_interval == 0:
        energy = team.inventory[chain, agent, ENERGY] + tables.regeneration[ENERGY]
        team.inventory[chain, agent, ENERGY] = wp.min(energy, tables.limit[ENERGY])


@wp.func
def wait_until(tables: Tables, team: Team, chain: int, agent: int, step: int):
    """Let an agent wait until the end of a step."""
    energy = team.inventory[chain, agent, ENERGY]
    if tables.regeneration_interval > 0 and energy < tables.limit[ENERGY]:
        payments = (
            step / tables.regeneration_interval
            - team.time[chain, agent] / tables.regeneration_interval
        )
        energy = wp.min(energy + payments * tables.regeneration[ENERGY], tables.limit[ENERGY])
        team.inventory[chain, agent, ENERGY] = energy
    team.time[chain, agent] = step


@wp.func
def walk(tables: Tables, routes: Routes, team: Team, chain: int, agent: int, node: int):
    """Move an agent to a node on the shortest path; without energy it waits in between."""
    remaining = routes.distance[team.node[chain, agent], node]
    delay = (remaining + STEPS_PER_DELAY / 2) / STEPS_PER_DELAY
    wait_until(tables, team, chain, agent, team.time[chain, agent] + delay)
    time = team.time[chain, agent]
    if tables.regeneration_interval == 1:
        # Without a wait for energy, each step costs the same.
        net = tables.move_energy - tables.regeneration[ENERGY]
        energy = team.inventory[chain, agent, ENERGY]
        if remaining > 0 and net >= 0 and energy >= net * (remaining - 1) + tables.move_energy:
            team.inventory[chain, agent, ENERGY] = energy - net * remaining
            time += remaining
            remaining = 0
    while remaining > 0 and time < NEVER:
        time += 1
        energy = team.inventory[chain, agent, ENERGY]
        if energy >= tables.move_energy:
            team.inventory[chain, agent, ENERGY] = energy - tables.move_energy
            remaining -= 1
        elif tables.regeneration[ENERGY] == 0 or tables.regeneration_interval == 0:
            time = NEVER
        regenerate(tables, team, chain, agent, time)
        if time > tables.max_steps * 2:
            time = NEVER
    team.time[chain, agent] = time
    team.node[chain, agent] = node
