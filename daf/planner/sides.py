"""Sides: agents that block each other at a station change their cells around it."""

from daf.planner.visits import Visit
from daf.planner.world_view import WorldView

BLOCKED_STEPS = 8
"""Steps of detour that an agent accepts for a free cell instead of an occupied one."""

STUCK_STEPS = 2
"""Steps without progress after which the members of a visit change their cells."""


NEAR_STEPS = 4
"""Steps to their cells within which two members exchange them."""


def change_cells_of_blocked_agents(
    view: WorldView,
    current_visits: list[Visit | None],
    visit_queues: list[list[Visit]],
    agent_cells: list[int],
    blocked_steps: list[int],
) -> None:
    """Change the cells of blocked members of visits.

    Args:
        view: state of the world.
        current_visits: visit to which each agent goes.
        visit_queues: visits of each agent that are not over.
        agent_cells: cells of all agents.
        blocked_steps: number of last steps in which each agent made no progress.
    """
    for first, visit in enumerate(current_visits):
        for second in range(first):
            is_stuck = max(blocked_steps[first], blocked_steps[second]) >= STUCK_STEPS
            if visit is not None and visit is current_visits[second] and is_stuck:
                _exchange_cells_unless_longer(
                    view, visit, visit_queues[first], (first, second), agent_cells
                )
    for agent, visit in enumerate(current_visits):
        if visit is None or agent_cells[agent] == visit.cell_by_agent[agent]:
            continue
        is_taken = visit.cell_by_agent[agent] in agent_cells and len(visit.cell_by_agent) == 1
        if visit.station not in view.chest_cells and (
            is_taken or blocked_steps[agent] >= STUCK_STEPS
        ):
            _take_nearer_free_cell_with_same_recipe(view, visit, agent, agent_cells)


def _exchange_cells_unless_longer(
    view: WorldView,
    visit: Visit,
    visit_queue: list[Visit],
    agent_pair: tuple[int, int],
    agent_cells: list[int],
) -> None:
    """Let two members exchange their cells, unless this makes their ways longer.

    They also exchange their cells in the next visits of this station.
    """
    first, second = agent_pair
    station_cell = view.station_cells[visit.station]
    first_cell, second_cell = visit.cell_by_agent[first], visit.cell_by_agent[second]
    offsets = view.grid.offsets
    if (first_cell - station_cell in offsets) != (second_cell - station_cell in offsets):
        return
    to_first, to_second = map(view.grid.distances_to, (first_cell, second_cell))
    steps = to_first[agent_cells[first]], to_second[agent_cells[second]]
    if max(steps) > NEAR_STEPS or to_first[agent_cells[second]] + to_second[
        agent_cells[first]
    ] > sum(steps):
        return
    for other in visit_queue[visit_queue.index(visit) :]:
        if (
            other.station == visit.station
            and first in other.cell_by_agent
            and second in other.cell_by_agent
        ):
            other.cell_by_agent[first], other.cell_by_agent[second] = (
                other.cell_by_agent[second],
                other.cell_by_agent[first],
            )
        elif other.station not in view.chest_cells:
            break


def _take_nearer_free_cell_with_same_recipe(
    view: WorldView, visit: Visit, agent: int, agent_cells: list[int]
) -> None:
    """Let a member take another free cell with the same recipe, if that is nearer."""
    goal = visit.cell_by_agent[agent]
    station_cell = view.station_cells[visit.station]
    recipe = view.find_recipe(visit.station, list(visit.cell_by_agent.values()))
    if recipe < 0:
        return
    offsets = view.grid.offsets
    if goal - station_cell not in offsets:
        width = view.grid.width
        offsets += (-width - 1, 1 - width, width - 1, width + 1)
    others = [cell for member, cell in visit.cell_by_agent.items() if member != agent]
    steps = view.grid.distances_to(goal)[agent_cells[agent]]
    if goal in agent_cells:
        steps += BLOCKED_STEPS
    for offset in offsets:
        option = station_cell + offset
        if option in others or (option in agent_cells and option != agent_cells[agent]):
            continue
        option_steps = view.grid.distances_to(option)[agent_cells[agent]]
        if option_steps < steps and (view.find_recipe(visit.station, [option, *others]) == recipe):
            visit.cell_by_agent[agent] = option
            steps = option_steps
