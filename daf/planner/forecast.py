"""Forecast: kernel functions that predict the course and the value of a schedule.

A schedule is a sequence of visits. An agent makes its visits in this order; the members of a visit
wait for each other. The forecast follows the rules of energy, inventories, cooldowns and
formations, but agents do not block each other.
"""

import numpy as np
import warp as wp

from daf.planner.chest_use import carry_heart_to_nearest_chest, use_chest
from daf.planner.routes import RouteMap, Routes
from daf.planner.station_use import SIDE_BITS, use_station
from daf.planner.team import (
    NEVER,
    ForecastState,
    allocate_forecast_state,
    reset_forecast_state,
    view_as_warp_array,
    wait_until,
    walk_to_node,
)
from daf.sim.tables.codes import CHEST_KIND, ENERGY, HEART, NUM_POSITIONS, NUM_RESOURCES
from daf.sim.tables.struct import Tables

wp.set_module_options({"enable_backward": False})

STATION = wp.constant(0)
"""Field of a visit: index of the station."""

MEMBERS = wp.constant(1)
"""Field of a visit: bit mask of agents."""

CELLS = wp.constant(2)
"""Field of a visit: preferred index in POSITIONS, 3 bits per agent."""

USES = wp.constant(3)
"""Field of a visit: maximum number of uses."""

MIN_EIGHTHS = wp.constant(4)
"""Field of a visit: eighths of a cooldown after which members use a station partially."""

NUM_FIELDS = wp.constant(5)
"""Number of fields of a visit."""

SLACK_BONUS = wp.constant(0.0002)
"""Value of each step that a member waits for a formation which makes hearts."""

ENERGY_BONUS = wp.constant(0.00008)
"""Value of each unit of energy of a member when it arrives there."""

VISIT_COST = wp.constant(0.002)
"""Negative value of each visit."""


@wp.func
def choose_position(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    chain: int,
    agent: int,
    station: int,
    preferred_position: int,
    occupied_mask: int,
    orthogonal_only: bool,
) -> int:
    """Return a free position beside a station, the preferred one if possible; -1 without one."""
    if routes.side[station] >= 0:
        return routes.side[station]
    for offset in range(NUM_POSITIONS):
        position = (preferred_position + offset) & 7
        allowed = (occupied_mask >> position) & 1 == 0
        if orthogonal_only and (SIDE_BITS >> position) & 1 == 0:
            allowed = False
        node = station * NUM_POSITIONS + position
        if allowed and routes.distance[state.node[chain, agent], node] < NEVER:
            return position
    return -1


@wp.func
def store_hearts_and_find_staying_members(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    chain: int,
    station: int,
    member_mask: int,
    steps_after_end: float,
):
    """Let members store their hearts before they make hearts; those at the station stay there.

    Returns:
        occupied: bit mask of the positions of members that stay.
        staying: bit mask of these members.
    """
    occupied = int(0)
    staying = int(0)
    for agent in range(tables.num_agents):
        if (member_mask >> agent) & 1 == 1:
            if (
                routes.makes_heart[station] == 1
                and state.inventory[chain, agent, HEART] >= (tables.limit[HEART])
            ):
                carry_heart_to_nearest_chest(tables, routes, state, chain, agent, steps_after_end)
            # A member of a formation that is at the station keeps its position.
            position = state.node[chain, agent] - station * NUM_POSITIONS
            if routes.makes_heart[station] == 1 and position >= 0 and position < NUM_POSITIONS:
                if (occupied >> position) & 1 == 0 and (SIDE_BITS >> position) & 1 == 1:
                    occupied |= 1 << position
                    staying |= 1 << agent
    return occupied, staying


@wp.func
def simulate_visit(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    chain: int,
    station: int,
    member_mask: int,
    preferred_cells: int,
    max_num_uses: int,
    min_cooldown_eighths: int,
    steps_after_end: float,
):
    """Let the members walk to a station, wait for each other and use it."""
    station_type = tables.station_type[0, station]
    is_chest = tables.station_kind[station_type] == CHEST_KIND
    start = int(0)
    bonus = float(0.0)
    occupied, staying = store_hearts_and_find_staying_members(
        tables, routes, state, chain, station, member_mask, steps_after_end
    )
    for agent in range(tables.num_agents):
        if (member_mask >> agent) & 1 == 1:
            position = state.node[chain, agent] - station * NUM_POSITIONS
            if (staying >> agent) & 1 == 0:
                sides_only = occupied == 0 or routes.makes_heart[station] == 1
                preferred = (preferred_cells >> (3 * agent)) & 7
                position = choose_position(
                    tables, routes, state, chain, agent, station, preferred, occupied, sides_only
                )
            if position < 0:
                return
            walk_to_node(tables, routes, state, chain, agent, station * NUM_POSITIONS + position)
            state.position[chain, agent] = position
            occupied |= 1 << position
            start = wp.max(start, state.time[chain, agent])
            if is_chest:
                for _index in range(max_num_uses):
                    use_chest(tables, routes, state, chain, agent, station, steps_after_end)
    if is_chest or start >= NEVER:
        return
    for agent in range(tables.num_agents):
        if (member_mask >> agent) & 1 == 1:
            if routes.makes_heart[station] == 1 and start < tables.max_steps:
                slack = SLACK_BONUS * float(start - state.time[chain, agent])
                energy = ENERGY_BONUS * float(state.inventory[chain, agent, ENERGY])
                bonus = bonus + slack + energy
            wait_until(tables, state, chain, agent, start)
    made = use_station(
        tables,
        routes,
        state,
        chain,
        station,
        member_mask,
        occupied,
        max_num_uses,
        min_cooldown_eighths,
    )
    if made:
        state.value[chain] = state.value[chain] + bonus


@wp.func
def forecast_value(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    length: int,
    steps_after_end: float,
) -> float:
    """Return the value of a schedule: its hearts, more for early ones, less for late ones."""
    reset_forecast_state(tables, state, chain)
    limit = tables.max_steps + int(steps_after_end)
    for i in range(length):
        members = schedule[chain, i, MEMBERS]
        earliest = int(NEVER)
        for agent in range(tables.num_agents):
            if (members >> agent) & 1 == 1:
                earliest = wp.min(earliest, state.time[chain, agent])
        if earliest < limit:
            simulate_visit(
                tables,
                routes,
                state,
                chain,
                schedule[chain, i, STATION],
                members,
                schedule[chain, i, CELLS],
                schedule[chain, i, USES],
                schedule[chain, i, MIN_EIGHTHS],
                steps_after_end,
            )
    for agent in range(tables.num_agents):
        if state.inventory[chain, agent, HEART] > 0 and state.time[chain, agent] < limit:
            carry_heart_to_nearest_chest(tables, routes, state, chain, agent, steps_after_end)
    return state.value[chain] - VISIT_COST * float(length)


@wp.kernel
def record_nodes_and_carried_amounts(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    schedule: wp.array3d(dtype=wp.int32),
    length: int,
    nodes_out: wp.array2d(dtype=wp.int32),
    carried_amounts_out: wp.array2d(dtype=wp.int32),
):
    """Write the node and the carried amount of every agent after each visit of a schedule.

    Args:
        tables: tables of the rules.
        routes: routes of the mission.
        state: state of the forecast.
        schedule: int32 [1, L, 5], fields of the visits.
        length: number of visits L.
        nodes_out: int32 [L, A], result.
        carried_amounts_out: int32 [L, A], result: sum over all resources except energy and hearts.
    """
    reset_forecast_state(tables, state, 0)
    for i in range(length):
        simulate_visit(
            tables,
            routes,
            state,
            0,
            schedule[0, i, STATION],
            schedule[0, i, MEMBERS],
            schedule[0, i, CELLS],
            schedule[0, i, USES],
            schedule[0, i, MIN_EIGHTHS],
            1.0,
        )
        for agent in range(tables.num_agents):
            nodes_out[i, agent] = state.node[0, agent]
            amount = int(0)
            for resource in range(NUM_RESOURCES):
                if resource != ENERGY and resource != HEART:
                    amount += state.inventory[0, agent, resource]
            carried_amounts_out[i, agent] = amount


def forecast_nodes_and_carried_amounts(
    routes: RouteMap, schedule: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Forecast where the agents are after each visit of a schedule, and how much they carry.

    Returns:
        nodes: int32 [L, A].
        amounts: int32 [L, A], sum over all resources except energy and hearts.
    """
    team, _ = allocate_forecast_state(routes, 1)
    nodes = np.zeros((len(schedule), routes.mission.num_agents), np.int32)
    amounts = np.zeros_like(nodes)
    wp.launch(
        record_nodes_and_carried_amounts,
        dim=1,
        inputs=[
            routes.tables.struct,
            routes.struct,
            team,
            view_as_warp_array(np.ascontiguousarray(schedule[None], dtype=np.int32)),
            len(schedule),
            view_as_warp_array(nodes),
            view_as_warp_array(amounts),
        ],
        device="cpu",
    )
    return nodes, amounts
