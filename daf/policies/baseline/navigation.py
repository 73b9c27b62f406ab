"""Where an agent can walk, where it wants to get, and which way it takes."""

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
    only_neighbours,
    row_bits,
    row_step,
    shifted,
)
from daf.policies.baseline.goals import DELIVER, EXPLORE, MAKE, WAIT, Goal
from daf.policies.baseline.mapping import BLOCKED, FIRST_KIND, SEEN
from daf.policies.baseline.strategy import Strategy


@wp.func
def assembler_ring(strategy: Strategy, boards: Boards, kinds: int, ring: Board):
    """Write the cells around assemblers, [SIDE]."""
    for row in range(SIDE):
        ring[row] = NOTHING
    for k in range(strategy.type_id.shape[0]):
        if in_mask(strategy.assemblers & kinds, k):
            for row in range(SIDE):
                ring[row] |= dilate_board_row(boards[FIRST_KIND + k], row)


@wp.func
def assembly_cells(strategy: Strategy, makers: Board, row: int) -> wp.int64:
    """A line of: the cells around assemblers from which hearts are made."""
    found = wp.int64(0)
    for position in range(8):
        if in_mask(strategy.assembly_positions, position):
            cell = position + int(position > 3)  # of the nine, without the middle
            found |= shifted(row_bits(makers, row - (cell // 3 - 1)), cell % 3 - 1)
    return found


@wp.func
def passable_cells(
    strategy: Strategy,
    goal: Goal,
    boards: Boards,
    kinds: int,
    ring: Board,
    agents: Board,
    lost: bool,
    passable: Board,
):
    """Write the cells that can be walked on, [SIDE]: those where others have to be only if no other
    way was found."""
    for row in range(SIDE):
        passable[row] = NOTHING
    if not lost:
        for row in range(SIDE):
            passable[row] = ring[row]
        for k in range(strategy.type_id.shape[0]):
            if goal.activity == MAKE and in_mask(strategy.assemblers & kinds, k):
                for row in range(SIDE):
                    passable[row] &= ~assembly_cells(strategy, boards[FIRST_KIND + k], row)
        for k in range(strategy.type_id.shape[0]):
            if goal.activity != DELIVER and in_mask(strategy.heart_chests & kinds, k):
                for row in range(SIDE):
                    passable[row] |= approach_cells(boards[FIRST_KIND + k], row, strategy.moves[k])
    for row in range(SIDE):
        closed = passable[row] | boards[BLOCKED, row] | only_neighbours(agents[row], row)
        passable[row] = ~closed & INSIDE


@wp.func
def goal_cells(goal: Goal, boards: Boards, ring: Board, goals: Board):
    """Write the cells to walk to, [SIDE], but for those beside stations to use."""
    for row in range(SIDE):
        goals[row] = NOTHING
        if goal.activity == EXPLORE:
            goals[row] = ~boards[SEEN, row] & INSIDE
        if goal.activity == WAIT:
            goals[row] = dilate_board_row(ring, row) & ~ring[row]


@wp.func
def agents_around(agents: Board, move: int) -> int:
    """How many other agents stand around the cell that a move leads to."""
    number = int(0)
    for i in range(9):
        row, column = row_step(move) + i // 3 - 1, column_step(move) + i % 3 - 1
        if i != 4 and is_set(agents, row, column):
            number += 1
    return number


@wp.func
def pick_move(moves: int, chance: float) -> int:
    """One of the moves by chance, in [0, 1); 0 if there is none."""
    number = int(chance * float(count_moves(moves)))
    picked = int(0)
    for move in range(4):
        if in_mask(moves, move):
            if number == 0:
                picked = move
            number -= 1
    return picked


@wp.func
def count_moves(moves: int) -> int:
    """How many moves."""
    number = int(0)
    for move in range(4):
        number += int(in_mask(moves, move))
    return number
