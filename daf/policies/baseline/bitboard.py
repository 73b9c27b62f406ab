"""Maps that a policy draws for itself, as bit boards with the agent always in the middle.

A board is int64 [SIDE]: one number per map row, its line, and one bit per column (bit c is column
c). The agent stands at (RADIUS, RADIUS); when it walks, the map is moved under it, and what lies
further than RADIUS away is forgotten. A few shifts a line flood a map by one cell.

Moves are 0 to 3 for N S W E, the order of the move actions; a set of moves is a mask of four bits.
"""

import warp as wp

Board = wp.array(dtype=wp.int64)
Boards = wp.array2d(dtype=wp.int64)

RADIUS = wp.constant(31)
SIDE = wp.constant(2 * 31 + 1)
FLOOD_LIMIT = wp.constant(4 * SIDE)  # longer ways are not searched

NOTHING = wp.constant(wp.int64(0))
INSIDE = wp.constant(wp.int64((1 << SIDE) - 1))  # all columns; bit 63, the sign, stays clear

NORTH, SOUTH, WEST, EAST = wp.constant(1), wp.constant(2), wp.constant(4), wp.constant(8)


@wp.func
def in_mask(mask: int, member: int) -> bool:
    """Whether a set, as bits, has this member."""
    return ((mask >> member) & 1) != 0


@wp.func
def bit(column: int) -> wp.int64:
    """The line with one cell."""
    return wp.int64(1) << wp.int64(column)


@wp.func
def row_step(move: int) -> int:
    return int(move == 1) - int(move == 0)


@wp.func
def column_step(move: int) -> int:
    return int(move == 3) - int(move == 2)


@wp.func
def row_bits(board: Board, row: int) -> wp.int64:
    """A line of the board, empty beyond its edge."""
    found = wp.int64(0)
    if row >= 0 and row < SIDE:
        found = board[row]
    return found


@wp.func
def shifted(cells: wp.int64, columns: int) -> wp.int64:
    """A line whose cells have moved by -1, 0 or 1 columns."""
    result = cells
    if columns > 0:
        result = (cells << wp.int64(1)) & INSIDE
    if columns < 0:
        result = cells >> wp.int64(1)
    return result


@wp.func
def dilate_row(cells: wp.int64) -> wp.int64:
    """The cells of a line and those left and right of each."""
    return (cells | cells << wp.int64(1) | cells >> wp.int64(1)) & INSIDE


@wp.func
def dilate_board_row(board: Board, row: int) -> wp.int64:
    """A line of: all cells of the board and the eight around each."""
    return dilate_row(row_bits(board, row - 1) | row_bits(board, row) | row_bits(board, row + 1))


@wp.func
def approach_cells(board: Board, row: int, moves: int) -> wp.int64:
    """A line of: the cells from which one of the moves leads into a cell of the board."""
    found = wp.int64(0)
    if moves & NORTH:
        found |= row_bits(board, row - 1)
    if moves & SOUTH:
        found |= row_bits(board, row + 1)
    if moves & WEST:
        found |= shifted(board[row], 1)
    if moves & EAST:
        found |= shifted(board[row], -1)
    return found


@wp.func_native(f"""
    // Plain pointers: so the compiler works on several lines at once.
    const auto* lines = board.data + rows;
    const int first = rows < 0, last = {SIDE} - (rows > 0), left = columns < 0, right = columns > 0;
    moved.data[0] = moved.data[{SIDE - 1}] = 0;
    for (int row = first; row < last; ++row)
        moved.data[row] = (lines[row] << left & {int(INSIDE)}) >> right;
""")
def shift_board(board: Board, rows: int, columns: int, moved: Board):
    """Write the board after the agent's step, [SIDE]; see `shifted_row`."""


@wp.func
def shifted_row(board: Board, row: int, rows: int, columns: int) -> wp.int64:
    """A line of: the board after the agent's step, of -1, 0 or 1 rows and columns."""
    return shifted(row_bits(board, row + rows), -columns)


@wp.func
def only_neighbours(cells: wp.int64, row: int) -> wp.int64:
    """A line without all cells but N, S, W, E of the agent."""
    cross = wp.int64(0)
    if row == RADIUS - 1 or row == RADIUS + 1:
        cross = bit(RADIUS)
    if row == RADIUS:
        cross = bit(RADIUS - 1) | bit(RADIUS + 1)
    return cells & cross


@wp.func
def is_set(board: Board, row: int, column: int) -> bool:
    """Whether a cell is set; row and column from the agent."""
    return (board[RADIUS + row] & bit(RADIUS + column)) != NOTHING


@wp.func
def moves_onto(board: Board) -> int:
    """The moves that lead to cells of the board."""
    moves = int(0)
    for move in range(4):
        if is_set(board, row_step(move), column_step(move)):
            moves |= 1 << move
    return moves


@wp.func
def flood_step(board: Board, passable: Board) -> bool:
    """Spread the cells of a board to the passable ones beside them; False if there are none."""
    grown = wp.int64(0)
    above = wp.int64(0)
    for row in range(SIDE):
        here = board[row]
        wider = (above | here | here << wp.int64(1) | here >> wp.int64(1)) | row_bits(
            board, row + 1
        )
        wider &= passable[row]
        grown |= wider ^ here
        board[row] = wider
        above = here
    return grown != NOTHING


@wp.func
def shortest_path_moves(arrived: int, goals: Board, passable: Board) -> int:
    """The moves that begin a shortest way, found by flooding from the goals.

    Args:
        arrived: moves that reach what is wanted at once.
        goals: the cells to walk to; afterwards, those from which a goal was found.
        passable: the cells that can be walked on.

    Returns:
        a set of moves; empty where there is no way.
    """
    for row in range(SIDE):
        goals[row] &= passable[row]
    moves = arrived
    steps = int(0)
    spreads = bool(True)
    while moves == 0 and spreads and steps < FLOOD_LIMIT:
        moves = moves_onto(goals)
        spreads = flood_step(goals, passable)
        steps += 1
    return moves
