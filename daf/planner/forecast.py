"""Forecast: kernel functions that predict the course and the value of a schedule.

A schedule is a sequence of visits. An agent makes its visits in this order; the members of a visit
wait for each other. The forecast follows the rules of energy, inventories, cooldowns and
formations, but agents do not block each other.
"""

import numpy as np
import torch
import warp as wp

from daf.planner.routes import RouteMap, Routes
from daf.planner.station_use import SIDE_BITS, store_heart, use_chest, use_station
from daf.planner.team import NEVER, Team, reset_team, wait_until, walk
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
    team: Team,
    chain: int,
    agent: int,
    station: int,
    preferred: int,
    occupied: int,
    sides_only: bool,
) -> int:
    """Return a free position beside a station, the preferred one if possible; -1 without one."""
    if routes.side[station] >= 0:
        return routes.side[station]
    for offset in range(NUM_POSITIONS):
        position = (preferred + offset) & 7
        allowed = (occupied >> position) & 1 == 0
        if sides_only and (SIDE_BITS >> position) & 1 == 0:
            allowed = False
        node = station * NUM_POSITIONS + position
        if allowed and routes.distance[team.node[chain, agent], node] < NEVER:
            return position
    return -1


@wp.func
def keep_positions(
    tables: Tables,
    routes: Routes,
    team: Team,
    chain: int,
    station: int,
    members: int,
    extension: float,
):
    """Let members store their hearts before they make hearts; those at the station stay there.

    Returns:
        occupied: bit mask of the positions of members that stay.
        staying: bit mask of these members.
    """
    occupied = int(0)
    staying = int(0)
    for agent in range(tables.num_agents):
        if (members >> agent) & 1 == 1:
            if (
                routes.makes_heart[station] == 1
                and team.inventory[chain, agent, HEART] >= (tables.limit[HEART])
            ):
                store_heart(tables, routes, team, chain, agent, extension)
            # A member of a formation that is at the station keeps its position.
            position = team.node[chain, agent] - station * NUM_POSITIONS
            if routes.makes_heart[station] == 1 and position >= 0 and position < NUM_POSITIONS:
                if (occupied >> position) & 1 == 0 and (SIDE_BITS >> position) & 1 == 1:
                    occupied |= 1 << position
                    staying |= 1 << agent
    return occupied, staying


@wp.func
def visit(
    tables: Tables,
    routes: Routes,
    team: Team,
    chain: int,
    station: int,
    members: int,
    cells: int,
    num_uses: int,
    eighths: int,
    extension: float,
):
    """Let the members walk to a station, wait for each other and use it."""
    station_type = tables.station_type[0, station]
    is_chest = tables.station_kind[station_type] == CHEST_KIND
    start = int(0)
    bonus = float(0.0)
    occupied, staying = keep_positions(tables, routes, team, chain, station, members, extension)
    for agent in range(tables.num_agents):
        if (members >> agent) & 1 == 1:
            position = team.node[chain, agent] - station * NUM_POSITIONS
            if (staying >> agent) & 1 == 0:
                sides_only = occupied == 0 or routes.makes_heart[station] == 1
                preferred = (cells >> (3 * agent)) & 7
                position = choose_position(
                    tables, routes, team, chain, agent, station, preferred, occupied, sides_only
                )
            if position < 0:
                return
            walk(tables, routes, team, chain, agent, station * NUM_POSITIONS + position)
            team.position[chain, agent] = position
            occupied |= 1 << position
            start = wp.max(start, team.time[chain, agent])
            if is_chest:
                for _index in range(num_uses):
                    use_chest(tables, routes, team, chain, agent, station, extension)
    if is_chest or start >= NEVER:
        return
    for agent in range(tables.num_agents):
        if (members >> agent) & 1 == 1:
            if routes.makes_heart[station] == 1 and start < tables.max_steps:
                slack = SLACK_BONUS * float(start - team.time[chain, agent])
                energy = ENERGY_BONUS * float(team.inventory[chain, agent, ENERGY])
                bonus = bonus + slack + energy
            wait_until(tables, team, chain, agent, start)
    made = use_station(tables, routes, team, chain, station, members, occupied, num_uses, eighths)
    if made:
        team.value[chain] = team.value[chain] + bonus


@wp.func
def forecast_value(
    tables: Tables,
    routes: Routes,
    team: Team,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    length: int,
    extension: float,
) -> float:
    """Return the value of a schedule: its hearts, more for early ones, less for late ones."""
    reset_team(tables, team, chain)
    limit = tables.max_steps + int(extension)
    for i in range(length):
        members = schedule[chain, i, MEMBERS]
        earliest = int(NEVER)
        for agent in range(tables.num_agents):
            if (members >> agent) & 1 == 1:
                earliest = wp.min(earliest, team.time[chain, agent])
        if earliest < limit:
            visit(
                tables,
                routes,
                team,
                chain,
                schedule[chain, i, STATION],
                members,
                schedule[chain, i, CELLS],
                schedule[chain, i, USES],
                schedule[chain, i, MIN_EIGHTHS],
                extension,
            )
    for agent in range(tables.num_agents):
        if team.inventory[chain, agent, HEART] > 0 and team.time[chain, agent] < limit:
            store_heart(tables, routes, team, chain, agent, extension)
    return team.value[chain] - VISIT_COST * float(length)


def allocate_team(routes: RouteMap, num_chains: int) -> tuple[Team, dict[str, np.ndarray]]:
    """Allocate the state of forecasts.

    Returns:
        team: Warp struct over the arrays.
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
    team = Team()
    arrays = {}
    for name, shape in shapes.items():
        arrays[name] = np.zeros(shape, np.float32 if name == "value" else np.int32)
        setattr(team, name, view_array(arrays[name]))
    return team, arrays


def view_array(array: np.ndarray) -> wp.array:
    """Return a Warp array over the memory of a NumPy array."""
    return wp.from_torch(torch.from_numpy(array))


@wp.kernel
def record_nodes(
    tables: Tables,
    routes: Routes,
    team: Team,
    schedule: wp.array3d(dtype=wp.int32),
    length: int,
    nodes: wp.array2d(dtype=wp.int32),
    amounts: wp.array2d(dtype=wp.int32),
):
    """Write the node and the carried amount of every agent after each visit of a schedule.

    Args:
        tables: tables of the rules.
        routes: routes of the mission.
        team: state of the forecast.
        schedule: int32 [1, L, 5], fields of the visits.
        length: number of visits L.
        nodes: int32 [L, A], result.
        amounts: int32 [L, A], result: sum over all resources except energy and hearts.
    """
    reset_team(tables, team, 0)
    for i in range(length):
        visit(
            tables,
            routes,
            team,
            0,
            schedule[0, i, STATION],
            schedule[0, i, MEMBERS],
            schedule[0, i, CELLS],
            schedule[0, i, USES],
            schedule[0, i, MIN_EIGHTHS],
            1.0,
        )
        for agent in range(tables.num_agents):
            nodes[i, agent] = team.node[0, agent]
            amount = int(0)
            for resource in range(NUM_RESOURCES):
                if resource != ENERGY and resource != HEART:
                    amount += team.inventory[0, agent, resource]
            amounts[i, agent] = amount


def forecast_nodes(routes: RouteMap, schedule: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forecast where the agents are after each visit of a schedule, and how much they carry.

    Returns:
        nodes: int32 [L, A].
        amounts: int32 [L, A], sum over all resources except energy and hearts.
    """
    team, _ = allocate_team(routes, 1)
    nodes = np.zeros((len(schedule), routes.mission.num_agents), np.int32)
    amounts = np.zeros_like(nodes)
    wp.launch(
        record_nodes,
        dim=1,
        inputs=[
            routes.tables.struct,
            routes.struct,
            team,
            view_array(np.ascontiguousarray(schedule[None], dtype=np.int32)),
            len(schedule),
            view_array(nodes),
            view_array(amounts),
        ],
        device="cpu",
    )
    return nodes, amounts
