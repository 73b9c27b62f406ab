"""Agent-centered maps as bitboards, and shortest paths on them by flood fill.

A board is int64 [SIDE]: one number per map row, one bit per column (bit c is column c). The agent
is always at (RADIUS, RADIUS): when it moves, the board shifts, and cells further away than RADIUS
are forgotten. One step of a flood fill takes a few shifts per row.

Moves are 0 to 3 for N S W E, in the order of the move actions. A set of moves is a mask of 4 bits.
"""

import warp as wp

Board = wp.array(dtype=wp.int64)
Boards = wp.array2d(dtype=wp.int64)

RADIUS = wp.constant(31)
SIDE = wp.constant(2 * 31 + 1)
FLOOD_LIMIT = wp.constant(4 * SIDE)  # longest path of the search, in cells

NOTHING = wp.constant(wp.int64(0))
INSIDE = wp.constant(wp.int64((1 << SIDE) - 1))  # all columns; bit 63, the sign, is always 0

NORTH, SOUTH, WEST, EAST = wp.constant(1), wp.constant(2), wp.constant(4), wp.constant(8)


@wp.func
def in_mask(mask: int, bit_index: int) -> bool:
    """Check whether a bit mask contains a member."""
    return ((mask >> bit_index) & 1) != 0


@wp.func
def cell_bit(column: int) -> wp.int64:
    """Return a row with one cell set."""
    return wp.int64(1) << wp.int64(column)


@wp.func
def row_change(move: int) -> int:
    """Return the change of the row by a move."""
    return int(move == 1) - int(move == 0)


@wp.func
def column_change(move: int) -> int:
    """Return the change of the column by a move."""
    return int(move == 3) - int(move == 2)


@wp.func
def row_bits(board: Board, row: int) -> wp.int64:
    """Return a row of a board; rows beyond its edge are empty."""
    cells = wp.int64(0)
    if row >= 0 and row < SIDE:
        cells = board[row]
    return cells


@wp.func
def shift_columns(row_cells: wp.int64, column_shift: int) -> wp.int64:
    """Return a row whose cells are shifted by -1, 0 or 1 columns."""
    result = row_cells
    if column_shift > 0:
        result = (row_cells << wp.int64(1)) & INSIDE
    if column_shift < 0:
        result = row_cells >> wp.int64(1)
    return result


@wp.func
def dilate_row(row_cells: wp.int64) -> wp.int64:
    """Return the cells of a row and their left and right neighbors."""
    return (row_cells | row_cells << wp.int64(1) | row_cells >> wp.int64(1)) & INSIDE


@wp.func
def dilate_board_row(board: Board, row: int) -> wp.int64:
    """Return a row of the board dilated by one cell: all cells and their 8 neighbors."""
    return dilate_row(row_bits(board, row - 1) | row_bits(board, row) | row_bits(board, row + 1))


@wp.func
def approach_cells_in_row(targets: Board, row: int, allowed_move_mask: int) -> wp.int64:
    """Return the cells of a row from which an allowed move leads into a target cell.

    Args:
        targets: int64 [SIDE], cells to enter.
        row: row of the result.
        allowed_move_mask: set of moves that may enter a target.
    """
    cells = wp.int64(0)
    if allowed_move_mask & NORTH:
        cells |= row_bits(targets, row - 1)
    if allowed_move_mask & SOUTH:
        cells |= row_bits(targets, row + 1)
    if allowed_move_mask & WEST:
        cells |= shift_columns(targets[row], 1)
    if allowed_move_mask & EAST:
        cells |= shift_columns(targets[row], -1)
    return cells


@wp.func_native(f"""
    // Plain pointers, so that the compiler vectorizes over rows.
    const auto* row_cells = board.data + agent_row_step;
    const int first = agent_row_step < 0, last = {SIDE} - (agent_row_step > 0);
    const int left = agent_column_step < 0, right = agent_column_step > 0;
    result.data[0] = result.data[{SIDE - 1}] = 0;
    for (int row = first; row < last; ++row)
        result.data[row] = (row_cells[row] << left & {int(INSIDE)}) >> right;
""")
def shift_board(board: Board, agent_row_step: int, agent_column_step: int, result: Board):
    """Write the board after a step of the agent; see `shifted_row`.

    Args:
        board: int64 [SIDE], before the step.
        agent_row_step: -1, 0 or 1, change of the agent's row.
        agent_column_step: -1, 0 or 1, change of the agent's column.
        result: int64 [SIDE], after the step.
    """


@wp.func
def shifted_row(board: Board, row: int, agent_row_step: int, agent_column_step: int) -> wp.int64:
    """Return a row of the board after a step of the agent by -1, 0 or 1 rows and columns."""
    return shift_columns(row_bits(board, row + agent_row_step), -agent_column_step)


@wp.func
def select_orthogonal_neighbors_of_agent(row_cells: wp.int64, row_index: int) -> wp.int64:
    """Return the cells of a row that are N, S, W or E neighbors of the agent."""
    cross = wp.int64(0)
    if row_index == RADIUS - 1 or row_index == RADIUS + 1:
        cross = cell_bit(RADIUS)
    if row_index == RADIUS:
        cross = cell_bit(RADIUS - 1) | cell_bit(RADIUS + 1)
    return row_cells & cross


@wp.func
def is_set(board: Board, relative_row: int, relative_column: int) -> bool:
    """Check whether a cell is set; the agent is at (0, 0)."""
    return (board[RADIUS + relative_row] & cell_bit(RADIUS + relative_column)) != NOTHING


@wp.func
def find_move_mask_onto(target_board: Board) -> int:
    """Return the set of moves that lead the agent onto cells of the board."""
    moves = int(0)
    for move in range(4):
        if is_set(target_board, row_change(move), column_change(move)):
            moves |= 1 << move
    return moves


@wp.func
def try_spread_flood(board: Board, passable: Board) -> bool:
    """Spread the cells of a board to passable neighbors; return False if no cell is new."""
    new_cells = wp.int64(0)
    previous_row = wp.int64(0)
    for row in range(SIDE):
        cells = board[row]
        spread_cells = (
            previous_row | cells | cells << wp.int64(1) | cells >> wp.int64(1)
        ) | row_bits(board, row + 1)
        spread_cells &= passable[row]
        new_cells |= spread_cells ^ cells
        board[row] = spread_cells
        previous_row = cells
    return new_cells != NOTHING


@wp.func
def shortest_path_move_mask(
    moves_onto_target_mask: int, flooded_goals: Board, passable: Board
) -> int:
    """Return the first moves of all shortest paths, by flood fill from the goals.

    Args:
        moves_onto_target_mask: set of moves onto the target; the result unless empty.
        flooded_goals: int64 [SIDE], cells to walk to, where the flood starts; overwritten by the
            cells that it reaches.
        passable: int64 [SIDE], passable cells.

    Returns:
        set of moves; empty if no path exists.
    """
    for row in range(SIDE):
        flooded_goals[row] &= passable[row]
    moves = moves_onto_target_mask
    steps = int(0)
    has_spread = bool(True)
    while moves == 0 and has_spread and steps < FLOOD_LIMIT:
        moves = find_move_mask_onto(flooded_goals)
        has_spread = try_spread_flood(flooded_goals, passable)
        steps += 1
    return moves
