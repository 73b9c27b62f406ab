"""Passable cells, goal cells, and the choice among shortest moves."""

import warp as wp

from daf.policies.baseline.bitboard import (
    INSIDE,
    NOTHING,
    SIDE,
    Board,
    Boards,
    approach_cells_in_row,
    column_change,
    dilate_board_row,
    in_mask,
    is_set,
    row_change,
    select_orthogonal_neighbors_of_agent,
)
from daf.policies.baseline.goals import DELIVER, EXPLORE, HELP, MAKE, WAIT, Goal
from daf.policies.baseline.mapping import BLOCKED, FIRST_KIND, SEEN
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.window import AGENT_TYPE, HEART, TYPE, Planes, Window

HESITATE_PROBABILITY = wp.constant(0.2)  # per step: noop beside another agent
GIVE_WAY_PROBABILITY = wp.constant(0.8)  # per step: noop beside an agent with a heart


@wp.func
def write_cells_around_assemblers(
    strategy: Strategy, maps: Boards, kinds_on_map_mask: int, cells_out: Board
):
    """Write the cells around assemblers, int64 [SIDE]."""
    for row in range(SIDE):
        cells_out[row] = NOTHING
    for kind in range(strategy.type_id.shape[0]):
        if in_mask(strategy.assemblers & kinds_on_map_mask, kind):
            for row in range(SIDE):
                cells_out[row] |= dilate_board_row(maps[FIRST_KIND + kind], row)


@wp.func
def write_passable_cells(
    strategy: Strategy,
    goal: Goal,
    maps: Boards,
    kinds_on_map_mask: int,
    cells_around_assemblers: Board,
    other_agent_cells: Board,
    path_not_found_before: bool,
    passable_out: Board,
):
    """Write the passable cells.

    Cells reserved for other agents are passable only if no path was found at the last step.

    Args:
        strategy: stations and amounts of the game.
        goal: goal of the agent.
        maps: int64 [4 + B, SIDE], boards of the map.
        kinds_on_map_mask: set of the station kinds that the map contains.
        cells_around_assemblers: int64 [SIDE], cells around assemblers.
        other_agent_cells: int64 [SIDE], cells of other agents.
        path_not_found_before: no path was found at the last step.
        passable_out: int64 [SIDE], written.
    """
    # cells reserved for other agents, collected in `passable`
    for row in range(SIDE):
        passable_out[row] = NOTHING
    if not path_not_found_before:
        for row in range(SIDE):
            passable_out[row] = cells_around_assemblers[row]
        if goal.activity == MAKE or goal.activity == HELP:
            for row in range(SIDE):
                passable_out[row] = NOTHING
        for kind in range(strategy.type_id.shape[0]):
            if goal.activity != DELIVER and in_mask(
                strategy.heart_chests & kinds_on_map_mask, kind
            ):
                for row in range(SIDE):
                    passable_out[row] |= approach_cells_in_row(
                        maps[FIRST_KIND + kind], row, strategy.moves[kind]
                    )
    # all cells but reserved cells, obstacles and adjacent agents
    for row in range(SIDE):
        closed = (
            passable_out[row]
            | maps[BLOCKED, row]
            | select_orthogonal_neighbors_of_agent(other_agent_cells[row], row)
            | (cells_around_assemblers[row] & other_agent_cells[row])
        )
        passable_out[row] = ~closed & INSIDE


@wp.func
def write_explore_or_wait_cells(
    goal: Goal, maps: Boards, cells_around_assemblers: Board, goals_out: Board
):
    """Write the cells to explore or to wait at, int64 [SIDE]."""
    for row in range(SIDE):
        goals_out[row] = NOTHING
        if goal.activity == EXPLORE:
            goals_out[row] = ~maps[SEEN, row] & INSIDE
        if goal.activity == WAIT:
            goals_out[row] = (
                dilate_board_row(cells_around_assemblers, row) & ~cells_around_assemblers[row]
            )


@wp.func
def count_agents_around_destination(other_agent_cells: Board, move: int) -> int:
    """Count the other agents around the destination of a move."""
    count = int(0)
    for i in range(9):
        row, column = row_change(move) + i // 3 - 1, column_change(move) + i % 3 - 1
        if i != 4 and is_set(other_agent_cells, row, column):
            count += 1
    return count


@wp.func
def pick_random_move(move_mask: int, uniform_number: float) -> int:
    """Pick a random move.

    Args:
        move_mask: set of moves.
        uniform_number: number in [0, 1).

    Returns:
        a move of the set; 0 for an empty set.
    """
    remaining = int(uniform_number * float(count_moves(move_mask)))
    picked = int(0)
    for move in range(4):
        if in_mask(move_mask, move):
            if remaining == 0:
                picked = move
            remaining -= 1
    return picked


@wp.func
def count_moves(move_mask: int) -> int:
    """Count the moves of a set."""
    count = int(0)
    for move in range(4):
        count += int(in_mask(move_mask, move))
    return count


@wp.func
def hesitate_probability(window: Window, view: Planes, goal: Goal) -> float:
    """Return the probability of a noop beside another agent; agents with a heart go first."""
    hearts_beside = count_hearts_of_adjacent_agents(window, view)
    probability = float(HESITATE_PROBABILITY)
    if goal.activity == DELIVER and hearts_beside == 0:
        probability = float(0.0)
    elif goal.activity != DELIVER and hearts_beside > 0:
        probability = GIVE_WAY_PROBABILITY
    return probability


@wp.func
def count_hearts_of_adjacent_agents(window: Window, view: Planes) -> int:
    """Count the hearts that the N, S, W and E neighbors carry; chests do not count."""
    hearts = int(0)
    for move in range(4):
        row = window.height // 2 + row_change(move)
        column = window.width // 2 + column_change(move)
        if row >= 0 and row < window.height and column >= 0 and column < window.width:
            cell = row * window.width + column
            if int(view[TYPE, cell]) == AGENT_TYPE:
                hearts += int(view[HEART, cell])
    return hearts
