"""Choice of the next goal of an agent, and of the station types that serve it."""

import warp as wp

from daf.policies.baseline.bitboard import (
    NOTHING,
    SIDE,
    Board,
    Boards,
    in_mask,
    is_set,
    select_orthogonal_neighbors,
)
from daf.policies.baseline.mapping import COOLING, FIRST_KIND
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.window import (
    AGENT_TYPE,
    ENERGY,
    HEART,
    TYPE,
    Planes,
    Window,
    agent_cell_value,
    distance_rank,
)

# Up to this energy, a ready charger beside the agent is worth one step.
ADJACENT_CHARGE_ENERGY = wp.constant(50)

CHARGE, DELIVER, GATHER, MAKE, WAIT, EXPLORE, REST = (wp.constant(index) for index in range(7))
"""Activities."""


@wp.struct
class Goal:
    """Next goal of an agent.

    Attributes:
        activity: CHARGE, DELIVER, GATHER, MAKE, WAIT (until others made their heart), EXPLORE or
            REST.
        target_kinds: set of station kinds that serve the activity.
        skip_cooling: stations on cooldown are no targets.
        charge_if_adjacent: a ready charger beside the agent is a target, too.
    """

    activity: int
    target_kinds: int
    skip_cooling: bool
    charge_if_adjacent: bool


@wp.func
def choose_goal(
    strategy: Strategy,
    window: Window,
    view: Planes,
    maps: Boards,
    kinds_on_map_mask: int,
    cells_around_assemblers: Board,
    other_agent_cells: Board,
    fully_explored: bool,
) -> Goal:
    """Choose the most urgent activity that is possible.

    Args:
        strategy: stations and amounts of the game.
        window: shape of the window.
        view: uint8 [planes, P], observation.
        maps: int64 [3 + B, SIDE], boards of the map.
        kinds_on_map_mask: set of the station kinds on the maps.
        cells_around_assemblers: int64 [SIDE], cells around assemblers.
        other_agent_cells: int64 [SIDE], cells of other agents.
        fully_explored: no unseen cell is reachable.
    """
    # default: explore
    missing = missing_resource_mask(strategy, window, view)
    goal = Goal()
    goal.charge_if_adjacent = agent_cell_value(window, view, ENERGY) <= ADJACENT_CHARGE_ENERGY
    goal.activity = EXPLORE
    if fully_explored:
        goal.activity = REST
    # recharge at low energy
    if (
        agent_cell_value(window, view, ENERGY) < strategy.low_energy
        and (kinds_on_map_mask & strategy.chargers) != 0
    ):
        goal.activity = CHARGE
        goal.target_kinds = strategy.chargers
    # deliver a heart
    elif agent_cell_value(window, view, HEART) > 0:
        if (kinds_on_map_mask & strategy.heart_chests) != 0:
            goal.activity = DELIVER
            goal.target_kinds = strategy.heart_chests
    # gather missing resources; stations on cooldown are second choice
    elif (kinds_on_map_mask & source_kind_mask(strategy, missing)) != 0:
        goal.activity = GATHER
        goal.target_kinds = kinds_on_map_mask & source_kind_mask(strategy, missing)
        if (goal.target_kinds & strategy.team_stations) != 0:
            goal.target_kinds &= strategy.team_stations
        goal.skip_cooling = has_ready_station(maps, goal.target_kinds)
    # make a heart, or give way at the assembler
    elif (kinds_on_map_mask & strategy.assemblers) != 0 and (missing == 0 or fully_explored):
        goal.activity = MAKE
        goal.target_kinds = strategy.assemblers
        if strategy.solo_assembly:
            if should_yield_assembler(
                strategy, window, view, cells_around_assemblers, other_agent_cells
            ):
                goal.activity = WAIT
        elif blocks_assembler(strategy, window, view, cells_around_assemblers, other_agent_cells):
            goal.activity = WAIT
        if goal.activity == WAIT:
            goal.target_kinds = 0
    return goal


@wp.func
def missing_resource_mask(strategy: Strategy, window: Window, view: Planes) -> int:
    """Return the set of resources of which the agent carries less than a heart needs."""
    missing = int(0)
    for r in range(strategy.resource.shape[0]):
        if agent_cell_value(window, view, strategy.resource[r]) < strategy.amount[r]:
            missing |= 1 << r
    return missing


@wp.func
def source_kind_mask(strategy: Strategy, resource_mask: int) -> int:
    """Return the set of station kinds that give one of the resources."""
    kinds = int(0)
    for r in range(strategy.resource.shape[0]):
        if in_mask(resource_mask, r):
            kinds |= strategy.sources[r]
    return kinds


@wp.func
def has_ready_station(maps: Boards, kind_mask: int) -> bool:
    """Check whether the maps show a station of these kinds without cooldown."""
    ready = wp.int64(0)
    for kind in range(maps.shape[0] - FIRST_KIND):
        if in_mask(kind_mask, kind):
            for row in range(SIDE):
                ready |= maps[FIRST_KIND + kind, row] & ~maps[COOLING, row]
    return ready != NOTHING


@wp.func
def should_yield_assembler(
    strategy: Strategy,
    window: Window,
    view: Planes,
    cells_around_assemblers: Board,
    other_agent_cells: Board,
) -> bool:
    """Check whether the agent leaves the assembler in view to other agents.

    The agent that can make a heart and has the lowest distance rank may enter, once no other agent
    is at the assembler. All agents that see each other agree on this agent.
    """
    # first assembler in view
    assembler_cell = int(-1)
    for cell in range(view.shape[1]):
        for kind in range(strategy.type_id.shape[0]):
            if (
                assembler_cell < 0
                and in_mask(strategy.assemblers, kind)
                and int(view[TYPE, cell]) == strategy.type_id[kind] + 1
            ):
                assembler_cell = cell
    if assembler_cell < 0:
        return False

    # distance ranks of all agents that can make a heart
    row, column = assembler_cell // window.width, assembler_cell % window.width
    self_rank = distance_rank(window, window.height // 2, window.width // 2, row, column)
    is_first = bool(True)
    for r in range(window.height):
        for c in range(window.width):
            cell = r * window.width + c
            is_agent = int(view[TYPE, cell]) == AGENT_TYPE
            is_rival = (
                is_agent
                and int(view[HEART, cell]) == 0
                and int(view[ENERGY, cell]) >= strategy.low_energy
            )
            if is_rival and distance_rank(window, r, c, row, column) < self_rank:
                is_first = False

    # other agents at the assembler
    agents_at_assembler = wp.int64(0)
    for board_row in range(SIDE):
        agents_at_assembler |= cells_around_assemblers[board_row] & other_agent_cells[board_row]
    return not is_first or (
        agents_at_assembler != NOTHING and not is_set(cells_around_assemblers, 0, 0)
    )


@wp.func
def blocks_assembler(
    strategy: Strategy,
    window: Window,
    view: Planes,
    cells_around_assemblers: Board,
    other_agent_cells: Board,
) -> bool:
    """Check whether the agent blocks the assembler for a useful agent.

    It does if enough agents are around the assembler, they lack a resource together, and this agent
    carries nothing of it.
    """
    if not is_set(cells_around_assemblers, 0, 0):
        return False
    blocks = bool(False)
    for r in range(strategy.resource.shape[0]):
        num_agents, amount = int(1), agent_cell_value(window, view, strategy.resource[r])
        if amount == 0:
            for window_row in range(window.height):
                for window_column in range(window.width):
                    row = window_row - window.height // 2
                    column = window_column - window.width // 2
                    if is_set(other_agent_cells, row, column) and is_set(
                        cells_around_assemblers, row, column
                    ):
                        num_agents += 1
                        cell = window_row * window.width + window_column
                        amount += int(view[strategy.resource[r], cell])
            blocks = blocks or (num_agents >= strategy.team and amount < strategy.recipe_amount[r])
    return blocks


@wp.func
def is_target_kind(strategy: Strategy, goal: Goal, kind: int) -> bool:
    """Check whether stations of a kind may be targets."""
    return in_mask(goal.target_kinds, kind) or (
        goal.charge_if_adjacent and in_mask(strategy.chargers, kind)
    )


@wp.func
def write_target_stations(
    strategy: Strategy, goal: Goal, maps: Boards, kind: int, targets_out: Board
):
    """Write the stations of a kind that are targets, int64 [SIDE]."""
    charges_adjacent = goal.charge_if_adjacent and in_mask(strategy.chargers, kind)
    for row in range(SIDE):
        stations = maps[FIRST_KIND + kind, row]
        ready = stations & ~maps[COOLING, row]
        targets = wp.int64(0)
        if in_mask(goal.target_kinds, kind):
            targets = stations
            if goal.skip_cooling:
                targets = ready
        if charges_adjacent:
            targets |= select_orthogonal_neighbors(ready, row)
        targets_out[row] = targets
