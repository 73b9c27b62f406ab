"""Team: state of agents and stations in a forecast, and kernel functions of walking and waiting."""

import numpy as np
import torch
import warp as wp

from daf.planner.routes import RouteMap, Routes
from daf.sim.bits import find_lowest_set_bit_index
from daf.sim.tables.codes import ENERGY, NUM_POSITIONS, NUM_RESOURCES
from daf.sim.tables.struct import Tables

wp.set_module_options({"enable_backward": False})

NEVER = wp.constant(100000)
"""Step of an event that does not happen."""

STEPS_PER_DELAY = wp.constant(12)
"""Steps of a way for which a forecast expects one step of waiting for other agents."""


@wp.struct
class ForecastState:
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
def reset_forecast_state(tables: Tables, state: ForecastState, chain: int):
    """Put the agents and stations of a chain into their initial state."""
    for agent in range(tables.num_agents):
        state.time[chain, agent] = 0
        state.node[chain, agent] = tables.num_stations * NUM_POSITIONS + agent
        for resource in range(NUM_RESOURCES):
            state.inventory[chain, agent, resource] = int(tables.initial_inventory[resource])
    for station in range(tables.num_stations):
        state.cooldown_end[chain, station] = 0
        state.cooldown_duration[chain, station] = 0
        state.uses[chain, station] = 0
        state.stock[chain, station] = tables.chest_initial[tables.station_type[0, station]]
        state.chest_free[chain, station] = 0
    state.hearts[chain] = 0
    state.value[chain] = 0.0


@wp.func
def room_for(tables: Tables, state: ForecastState, chain: int, agent: int, resource: int) -> int:
    """Return the amount of a resource that an agent can still take."""
    total = state.inventory[chain, agent, resource]
    group = int(tables.limit_group_mask[resource])
    while group != 0:
        total += state.inventory[chain, agent, find_lowest_set_bit_index(wp.uint64(group))]
        group &= group - 1
    return wp.max(tables.limit[resource] - total, 0)


@wp.func
def regenerate_energy(tables: Tables, state: ForecastState, chain: int, agent: int, step: int):
    """Give an agent the energy that it receives at the end of a step."""
    if tables.regeneration_interval > 0 and step % tables.regeneration_interval == 0:
        energy = state.inventory[chain, agent, ENERGY] + tables.regeneration[ENERGY]
        state.inventory[chain, agent, ENERGY] = wp.min(energy, tables.limit[ENERGY])


@wp.func
def wait_until(tables: Tables, state: ForecastState, chain: int, agent: int, step: int):
    """Let an agent wait until the end of a step."""
    energy = state.inventory[chain, agent, ENERGY]
    if tables.regeneration_interval > 0 and energy < tables.limit[ENERGY]:
        payments = (
            step / tables.regeneration_interval
            - state.time[chain, agent] / tables.regeneration_interval
        )
        energy = wp.min(energy + payments * tables.regeneration[ENERGY], tables.limit[ENERGY])
        state.inventory[chain, agent, ENERGY] = energy
    state.time[chain, agent] = step


@wp.func
def walk_to_node(
    tables: Tables, routes: Routes, state: ForecastState, chain: int, agent: int, node: int
):
    """Move an agent to a node on the shortest path; without energy it waits in between."""
    remaining = routes.distance[state.node[chain, agent], node]
    delay = (remaining + STEPS_PER_DELAY / 2) / STEPS_PER_DELAY
    wait_until(tables, state, chain, agent, state.time[chain, agent] + delay)
    time = state.time[chain, agent]
    if tables.regeneration_interval == 1:
        # Without a wait for energy, each step costs the same.
        net = tables.move_energy - tables.regeneration[ENERGY]
        energy = state.inventory[chain, agent, ENERGY]
        if remaining > 0 and net >= 0 and energy >= net * (remaining - 1) + tables.move_energy:
            state.inventory[chain, agent, ENERGY] = energy - net * remaining
            time += remaining
            remaining = 0
    while remaining > 0 and time < NEVER:
        time += 1
        energy = state.inventory[chain, agent, ENERGY]
        if energy >= tables.move_energy:
            state.inventory[chain, agent, ENERGY] = energy - tables.move_energy
            remaining -= 1
        elif tables.regeneration[ENERGY] == 0 or tables.regeneration_interval == 0:
            time = NEVER
        regenerate_energy(tables, state, chain, agent, time)
        if time > tables.max_steps * 2:
            time = NEVER
    state.time[chain, agent] = time
    state.node[chain, agent] = node


def allocate_forecast_state(
    routes: RouteMap, num_chains: int
) -> tuple[ForecastState, dict[str, np.ndarray]]:
    """Allocate the state of forecasts.

    Returns:
        state: Warp struct over the arrays.
        arrays: int32 arrays by field, `value` float32.
    """
    agents, stations = routes.mission.num_agents, len(routes.stations)
    shapes: dict[str, tuple[int, ...]] = {
        "inventory": (num_chains, agents, int(NUM_RESOURCES)),
        "hearts": (num_chains,),
        "value": (num_chains,),
    }
    for name in ("time", "node", "position"):
        shapes[name] = (num_chains, agents)
    for name in ("cooldown_end", "cooldown_duration", "uses", "stock", "chest_free"):
        shapes[name] = (num_chains, stations)
    state = ForecastState()
    arrays = {}
    for name, shape in shapes.items():
        arrays[name] = np.zeros(shape, np.float32 if name == "value" else np.int32)
        setattr(state, name, view_as_warp_array(arrays[name]))
    return state, arrays


def view_as_warp_array(array: np.ndarray) -> wp.array:
    """Return a Warp array over the memory of a NumPy array."""
    return wp.from_torch(torch.from_numpy(array))
