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
    current: list[Visit | None],
    queues: list[list[Visit]],
    cells: list[int],
    blocked: list[int],
) -> None:
    """Change the cells of blocked members of visits.

    Args:
        view: state of the world.
        current: visit to which each agent goes.
        queues: visits of each agent that are not over.
        cells: cells of all agents.
        blocked: number of last steps in which each agent made no progress.
    """
    for first, visit in enumerate(current):
        for second in range(first):
            is_stuck = max(blocked[first], blocked[second]) >= STUCK_STEPS
            if visit is not None and visit is current[second] and is_stuck:
                _exchange_cells(view, visit, queues[first], (first, second), cells)
    for agent, visit in enumerate(current):
        if visit is None or cells[agent] == visit.cells[agent]:
            continue
        is_taken = visit.cells[agent] in cells and len(visit.cells) == 1
        if visit.station not in view.chest_cells and (is_taken or blocked[agent] >= STUCK_STEPS):
            _take_free_cell(view, visit, agent, cells)


def _exchange_cells(
    view: WorldView, visit: Visit, queue: list[Visit], pair: tuple[int, int], cells: list[int]
) -> None:
    """Let two members exchange their cells, unless this makes their ways longer.

    They also exchange their cells in the next visits of this station.
    """
    first, second = pair
    station_cell = view.station_cells[visit.station]
    first_cell, second_cell = visit.cells[first], visit.cells[second]
    offsets = view.grid.offsets
    if (first_cell - station_cell in offsets) != (second_cell - station_cell in offsets):
        return
    to_first, to_second = map(view.grid.distances_to, (first_cell, second_cell))
    steps = to_first[cells[first]], to_second[cells[second]]
    if max(steps) > NEAR_STEPS or to_first[cells[second]] + to_second[cells[first]] > sum(steps):
        return
    for other in queue[queue.index(visit) :]:
        if other.station == visit.station and first in other.cells and second in other.cells:
            other.cells[first], other.cells[second] = other.cells[second], other.cells[first]
        elif other.station not in view.chest_cells:
            break


def _take_free_cell(view: WorldView, visit: Visit, agent: int, cells: list[int]) -> None:
    """Let a member take another free cell with the same recipe, if that is nearer."""
    goal = visit.cells[agent]
    station_cell = view.station_cells[visit.station]
    recipe = view.find_recipe(visit.station, list(visit.cells.values()))
    if recipe < 0:
        return
    offsets = view.grid.offsets
    if goal - station_cell not in offsets:
        width = view.grid.width
        offsets += (-width - 1, 1 - width, width - 1, width + 1)
    others = [cell for member, cell in visit.cells.items() if member != agent]
    steps = view.grid.distances_to(goal)[cells[agent]]
    if goal in cells:
        steps += BLOCKED_STEPS
    for offset in offsets:
        option = station_cell + offset
        if option in others or (option in cells and option != cells[agent]):
            continue
        option_steps = view.grid.distances_to(option)[cells[agent]]
        if option_steps < steps and (view.find_recipe(visit.station, [option, *others]) == recipe):
            visit.cells[agent] = option
            steps = option_steps
