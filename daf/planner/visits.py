"""Visits: the steps of a schedule during its execution."""

from dataclasses import dataclass

import numpy as np

from daf.planner.forecast import forecast_nodes_and_carried_amounts
from daf.planner.routes import RouteMap
from daf.sim.tables.codes import NUM_POSITIONS


@dataclass(eq=False)
class Visit:
    """Visit of a station by one or more agents.

    Attributes:
        station: index of the station.
        cell_by_agent: cell of each member, by agent.
        remaining_uses: number of uses still to make.
        min_cooldown_eighths: eighths of a cooldown after which members use the station partially.
        expected_gain: amount that the members get in the forecast, without energy.
        predecessor: visit of another member that uses the same chest before.
        wait_steps: steps since the last use in which members waited for energy or a formation.
        last_ready_step: last step in which all members were at the station.
        has_started: all members were at the station.
        is_over: no member waits for this visit any more.
    """

    station: int
    cell_by_agent: dict[int, int]
    remaining_uses: int
    min_cooldown_eighths: int
    expected_gain: int = 0
    predecessor: "Visit | None" = None
    wait_steps: int = 0
    last_ready_step: int = -1
    has_started: bool = False
    is_over: bool = False


def build_visits(routes: RouteMap, schedule: np.ndarray) -> list[Visit]:
    """Return the visits of a schedule, with the cells that the members have in its forecast.

    Args:
        routes: routes of the mission.
        schedule: int32 [L, 5], fields of the visits.
    """
    nodes, amounts = forecast_nodes_and_carried_amounts(routes, schedule)
    gains = np.diff(amounts, axis=0, prepend=np.zeros_like(amounts[:1]))
    visits = []
    for i, (station, members, _, uses, eighths) in enumerate(schedule.tolist()):
        cells = {
            agent: routes.cell_index(routes.node_cells[nodes[i, agent]])
            for agent in range(routes.mission.num_agents)
            if members >> agent & 1 and nodes[i, agent] // NUM_POSITIONS == station
        }
        if routes.sides[station] < 0:
            gain = int(gains[i, list(cells)].sum())
            visits.append(Visit(station, cells, uses, eighths, gain))
            continue
        predecessor = None  # one agent after the other uses a chest
        for agent, cell in cells.items():
            visits.append(Visit(station, {agent: cell}, uses, eighths, predecessor=predecessor))
            predecessor = visits[-1] if routes.deltas[station] < 0 else None
    return [visit for visit in visits if visit.cell_by_agent]
