"""Passable cells, goal cells, and the choice among shortest moves."""

import warp as wp

from daf.policies.baseline.bitboard import (
    INSIDE,
    NOTHING,
    SIDE,
    Board,
    Boards,
    approach_cells,
    column_step,
    dilate_board_row,
    in_mask,
    is_set,
    row_bits,
    row_step,
    select_neighbor_cells,
    shifted,
)
from daf.policies.baseline.goals import DELIVER, EXPLORE, MAKE, WAIT, Goal
from daf.policies.baseline.mapping import BLOCKED, FIRST_KIND, SEEN
from daf.policies.baseline.strategy import Strategy


@wp.func
def assembler_ring(strategy: Strategy, boards: Boards, mapped_kinds: int, ring: Board):
    """Write the cells around assemblers, int64 [SIDE]."""
    for row in range(SIDE):
        ring[row] = NOTHING
    for kind in range(strategy.type_id.shape[0]):
        if in_mask(strategy.assemblers & mapped_kinds, kind):
            for row in range(SIDE):
                ring[row] |= dilate_board_row(boards[FIRST_KIND + kind], row)


@wp.func
def assembly_cells(strategy: Strategy, assemblers: Board, row: int) -> wp.int64:
    """Return the cells of a row from which assemblers make hearts."""
    cells = wp.int64(0)
    for position in range(8):
        if in_mask(strategy.assembly_positions, position):
            cell = position + int(position > 3)  # index in the 3 x 3 square, without the center
            cells |= shifted(row_bits(assemblers, row - (cell // 3 - 1)), cell % 3 - 1)
    return cells


@wp.func
def passable_cells(
    strategy: Strategy,
    goal: Goal,
    boards: Boards,
    mapped_kinds: int,
    ring: Board,
    agents: Board,
    path_not_found: bool,
    passable: Board,
):
    """Write the passable cells.

    Cells reserved for other agents are passable only if no path was found at the last step.

    Args:
        strategy: stations and amounts of the game.
        goal: goal of the agent.
        boards: int64 [3 + B, SIDE], maps.
        mapped_kinds: set of the station kinds on the maps.
        ring: int64 [SIDE], cells around assemblers.
        agents: int64 [SIDE], other agents.
        path_not_found: no path was found at the last step.
        passable: int64 [SIDE], written.
    """
    # cells reserved for other agents, collected in `passable`
    for row in range(SIDE):
        passable[row] = NOTHING
    if not path_not_found:
        for row in range(SIDE):
            passable[row] = ring[row]
        for kind in range(strategy.type_id.shape[0]):
            if goal.activity == MAKE and in_mask(strategy.assemblers & mapped_kinds, kind):
                for row in range(SIDE):
                    passable[row] &= ~assembly_cells(strategy, boards[FIRST_KIND + kind], row)
        for kind in range(strategy.type_id.shape[0]):
            if goal.activity != DELIVER and in_mask(strategy.heart_chests & mapped_kinds, kind):
                for row in range(SIDE):
                    passable[row] |= approach_cells(
                        boards[FIRST_KIND + kind], row, strategy.moves[kind]
                    )
    # all cells but reserved cells, obstacles and adjacent agents
    for row in range(SIDE):
        closed = passable[row] | boards[BLOCKED, row] | select_neighbor_cells(agents[row], row)
        passable[row] = ~closed & INSIDE


@wp.func
def goal_cells(goal: Goal, boards: Boards, ring: Board, goals: Board):
    """Write the cells to explore or to wait at, int64 [SIDE]."""
    for row in range(SIDE):
        goals[row] = NOTHING
        if goal.activity == EXPLORE:
            goals[row] = ~boards[SEEN, row] & INSIDE
        if goal.activity == WAIT:
            goals[row] = dilate_board_row(ring, row) & ~ring[row]


@wp.func
def agents_around(agents: Board, move: int) -> int:
    """Count the other agents around the cell that a move leads to."""
    count = int(0)
    for i in range(9):
        row, column = row_step(move) + i // 3 - 1, column_step(move) + i % 3 - 1
        if i != 4 and is_set(agents, row, column):
            count += 1
    return count


@wp.func
def pick_move(moves: int, u: float) -> int:
    """Pick a random move.

    Args:
        moves: set of moves.
        u: uniform number in [0, 1).

    Returns:
        a move of the set; 0 for an empty set.
    """
    remaining = int(u * float(count_moves(moves)))
    picked = int(0)
    for move in range(4):
        if in_mask(moves, move):
            if remaining == 0:
                picked = move
            remaining -= 1
    return picked


@wp.func
def count_moves(moves: int) -> int:
    """Count the moves of a set."""
    count = int(0)
    for move in range(4):
        count += int(in_mask(moves, move))
    return count
