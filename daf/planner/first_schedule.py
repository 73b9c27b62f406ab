"""First schedule: rounds in which the agents fetch everything for hearts, make them and go on."""

import numpy as np

from daf.planner.anneal import CAPACITY
from daf.planner.routes import RouteMap
from daf.sim.tables.codes import HEART

NUM_ROUNDS = 14
"""Rounds of the schedule."""

MAX_USES = 20
"""Uses of a station in a round."""


def build_first_schedule(routes: RouteMap, random: np.random.Generator) -> np.ndarray:
    """Build a schedule from which annealing can start, int32 [L, 5].

    In each round one agent per input of hearts visits its producer, all together visit a station
    with few uses, and all meet at the station that makes hearts.
    """
    data = routes.tables.data
    types = data["station_type"][0]
    num_agents = routes.mission.num_agents
    all_members = (1 << num_agents) - 1
    recipes = data["recipe_output"][:, HEART] > 0
    heart_stations = np.flatnonzero(routes.struct.makes_heart.numpy())
    if not len(heart_stations):
        return np.zeros((0, 5), np.int32)
    heart_station = int(heart_stations[0])
    steps = [
        int(routes.distance[heart_station * 8 : heart_station * 8 + 8, s * 8 : s * 8 + 8].min())
        for s in range(len(types))
    ]
    inputs = np.flatnonzero(data["recipe_input"][recipes].max(axis=0))
    visits: list[tuple[int, int, int, int, int]] = []
    for index in range(NUM_ROUNDS):
        agent = 0
        for resource in inputs.tolist():
            producers = _list_producers_nearest_first(data, types, resource, steps)
            if not producers:
                continue
            cells = int(random.integers(1 << 3 * num_agents))
            if data["max_uses"][types[producers[0]]]:
                if index < len(producers):
                    visits.append((producers[index], all_members, cells, 2, 1))
                continue
            station = producers[index % min(2, len(producers))]
            visits.append((station, 1 << agent % num_agents, cells, MAX_USES, 8))
            agent += 1
        cells = int(random.integers(1 << 3 * num_agents))
        visits.append((heart_station, all_members, cells, num_agents, 1))
        visits += [(heart_station, 1 << agent, cells, 1, 1) for agent in range(num_agents)]
    return np.array(visits[:CAPACITY], dtype=np.int32)


def _list_producers_nearest_first(
    table_arrays, station_types: np.ndarray, resource: int, steps_to_heart_station: list[int]
) -> list[int]:
    """Return the stations that make a resource, nearest to the heart_station of hearts first."""
    stations = [
        station
        for station, station_type in enumerate(station_types)
        if (
            recipes := table_arrays["recipe"][station_type][
                table_arrays["recipe"][station_type] >= 0
            ]
        ).size
        and (table_arrays["recipe_output"][recipes, resource] > 0).any()
    ]
    return sorted(stations, key=lambda station: (steps_to_heart_station[station], station))
