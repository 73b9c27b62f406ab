"""Maps that a policy draws for itself, as bit boards with the agent always in the middle.

A board is int64 [..., SIDE]: one number per map row, one bit per column (bit c is column c). The
agent stands at (RADIUS, RADIUS); when it walks, the map is moved under it, and what lies further
than RADIUS away is forgotten. A few shifts flood all maps at once by one cell.
"""

import torch

RADIUS = 31
SIDE = 2 * RADIUS + 1
INSIDE = (1 << SIDE) - 1  # all columns; bit 63, the sign, stays clear
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))  # N S W E, the order of the move actions
FLOOD_LIMIT = 4 * SIDE  # longer ways are not searched

_ROWS = torch.tensor([RADIUS + row for row, _ in MOVES])
_AROUND = torch.tensor(
    [
        [float(max(abs(r - row), abs(c - column)) == 1) for row, column in MOVES]
        for r in range(-2, 3)
        for c in range(-2, 3)
    ]
)  # the cells around each neighbour, of the 25 around the agent
_BITS = torch.tensor([1 << (RADIUS + column) for _, column in MOVES])


def shifted(board: torch.Tensor, row: int, column: int) -> torch.Tensor:
    """Every cell moved by (row, column), each -1, 0 or 1."""
    if column:
        board = (board << 1) & INSIDE if column > 0 else board >> 1
    if row:
        kept, padding = (board[..., :-1], (1, 0)) if row > 0 else (board[..., 1:], (0, 1))
        board = torch.nn.functional.pad(kept, padding)
    return board


def around(board: torch.Tensor) -> torch.Tensor:
    """The cells of the board [N, SIDE] and the eight around each."""
    wide = (board | board << 1 | board >> 1) & INSIDE
    return wide | shifted(wide, -1, 0) | shifted(wide, 1, 0)


def neighbours(board: torch.Tensor) -> torch.Tensor:
    """Which of the cells N, S, W, E of the agent are set: [N, SIDE] -> bool [N, 4]."""
    rows = board.index_select(1, _ROWS.to(board.device))
    return (rows & _BITS.to(board.device)) != 0


def around_neighbours(board: torch.Tensor) -> torch.Tensor:
    """How many cells are set around each of the cells N, S, W, E of the agent: int64 [N, 4]."""
    near = range(RADIUS - 2, RADIUS + 3)
    bits = torch.tensor(near, device=board.device)
    patch = (board[:, near.start : near.stop, None] >> bits & 1).to(torch.float32)
    return (patch.flatten(1) @ _AROUND.to(board.device)).to(torch.int64)


def only_neighbours(board: torch.Tensor) -> torch.Tensor:
    """The board [N, SIDE] without all cells but N, S, W, E of the agent."""
    middle, sides = 1 << RADIUS, 0b101 << (RADIUS - 1)
    cross = torch.zeros(SIDE, dtype=torch.int64, device=board.device)
    cross[RADIUS - 1 : RADIUS + 2] = torch.tensor([middle, sides, middle])
    return board & cross


def holds_agent(board: torch.Tensor) -> torch.Tensor:
    """Whether the agent stands on a cell of the board: [N, SIDE] -> bool [N]."""
    return (board[:, RADIUS] >> RADIUS & 1) != 0


def any_cell(board: torch.Tensor) -> torch.Tensor:
    """Whether any cell is set: [..., SIDE] -> bool [...]."""
    return (board != 0).any(-1)


def where(condition: torch.Tensor, board: torch.Tensor) -> torch.Tensor:
    """The board [..., SIDE] where the condition (bool [...]) holds, else an empty one."""
    return board & -condition.to(torch.int64)[..., None]


def recentred(boards: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """The boards [N, B, S] after the agent's step (rows, columns), int64 [N], each -1, 0 or 1."""
    size = boards.shape[-1]
    source = torch.arange(size, device=boards.device) + rows[:, None]
    inside = ((source >= 0) & (source < size)) * INSIDE
    moved = boards.gather(2, source.clamp_(0, size - 1)[:, None].expand_as(boards))
    moved <<= (columns < 0).to(torch.int64)[:, None, None]
    moved &= inside[:, None]
    moved >>= (columns > 0).to(torch.int64)[:, None, None]
    return moved


def first_moves(arrived: torch.Tensor, goals: torch.Tensor, passable: torch.Tensor) -> torch.Tensor:
    """The moves that begin a shortest way, found by flooding from the goals.

    Args:
        arrived: bool [N, 4], moves that reach what is wanted at once.
        goals: int64 [N, SIDE], the cells to walk to.
        passable: int64 [N, SIDE], the cells that can be walked on.

    Returns:
        bool [N, 4] over N, S, W, E; none where there is no way.
    """
    moves = arrived
    flood = goals & passable
    for _ in range(FLOOD_LIMIT):
        moves = moves | (neighbours(flood) & ~moves.any(1, keepdim=True))
        wider = flood | flood << 1 | flood >> 1
        wider[:, 1:] |= flood[:, :-1]
        wider[:, :-1] |= flood[:, 1:]
        wider &= passable
        if not ((wider != flood).any(1) & ~moves.any(1)).any():
            break
        flood = wider
    return moves
