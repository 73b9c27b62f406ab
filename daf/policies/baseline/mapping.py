"""How an agent draws its map: what it sees now, laid over what it remembers."""

import warp as wp

from daf.policies.baseline.bitboard import (
    NOTHING,
    RADIUS,
    SIDE,
    Board,
    Boards,
    bit,
    column_step,
    is_set,
    row_step,
    shift_board,
    shifted_row,
)
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.window import (
    AGENT_TYPE,
    ARGUMENT,
    CLIPPED,
    COOLDOWN,
    ENERGY,
    NO_PLANE,
    TYPE,
    USES,
    VERB,
    WALL_TYPE,
    Planes,
    Window,
    rank,
    self_value,
)

MOVE = wp.constant(1)  # the verb, as it is observed
NO_MOVE = wp.constant(-1)
SEEN, BLOCKED, COOLING, FIRST_KIND = (wp.constant(board) for board in range(4))
"""Boards of the memory: known cells, blocked ones, resting stations; then one per kind."""


@wp.func
def first_line(window: Window) -> int:
    """The first line of a board that the window covers."""
    return RADIUS - window.height // 2


@wp.func
def rasterize_window(
    strategy: Strategy, window: Window, view: Planes, last: int, fresh: Boards, agents: Board
):
    """The window as bits.

    Args:
        last: the place of the cell from which on tokens were cut off, in the order of `rank`.
        fresh: [3 + K, SIDE], to write the boards of the memory as they are seen now, but only the
            lines of the window.
        agents: to write the other agents, [SIDE].
    """
    for row in range(SIDE):
        agents[row] = NOTHING
    top, left = first_line(window), RADIUS - window.width // 2
    for r in range(window.height):
        for board in range(fresh.shape[0]):
            fresh[board, top + r] = NOTHING
        known, blocked, others = wp.int64(0), wp.int64(0), wp.int64(0)
        for c in range(window.width):
            here = bit(left + c)
            if rank(window, r, c, window.height // 2, window.width // 2) < last:
                known |= here
            cell = r * window.width + c
            kind = int(view[TYPE, cell])
            if kind == AGENT_TYPE and cell != window.centre:
                others |= here
            if kind >= WALL_TYPE:
                blocked |= here
            if kind > WALL_TYPE:
                draw_station(strategy, view, cell, here, top + r, fresh)
        fresh[SEEN, top + r] = known
        fresh[BLOCKED, top + r] = blocked
        agents[top + r] = others


@wp.func
def draw_station(
    strategy: Strategy, view: Planes, cell: int, here: wp.int64, row: int, fresh: Boards
):
    """Set the bit of a station on the boards that it is on."""
    for k in range(strategy.type_id.shape[0]):
        if int(view[TYPE, cell]) == strategy.type_id[k] + 1:
            if int(view[COOLDOWN, cell]) > strategy.max_cooldown[k] + 1:
                fresh[COOLING, row] |= here
            if is_useful(view, cell, strategy.stock_plane[k]):
                fresh[FIRST_KIND + k, row] |= here


@wp.func
def is_useful(view: Planes, cell: int, stock: int) -> bool:
    """Whether a station has what it is good for, or works if it needs none."""
    useful = view[CLIPPED, cell] == wp.uint8(0) and view[USES, cell] != wp.uint8(1)
    if stock != NO_PLANE:
        useful = view[stock, cell] > wp.uint8(0)
    return useful


@wp.func
def update_map(
    strategy: Strategy,
    window: Window,
    view: Planes,
    fresh: Boards,
    energy_before: int,
    before: Boards,
    after: Boards,
) -> int:
    """Write the maps after the last action, [3 + K, SIDE]; returns which kinds they have.

    Whether a step succeeded is not observed. It did if what stands still in view agrees with the
    map moved on, and either disagrees with the map as it was or the step was paid for: most steps
    cost more than comes back, and one blocked by an agent costs more still.
    """
    rows, columns = int(0), int(0)
    tried = last_move(window, view, before[BLOCKED])
    if tried != NO_MOVE:
        rows, columns = row_step(tried), column_step(tried)
        paid = (
            self_value(window, view, ENERGY) == energy_before - strategy.net_move_cost
            and strategy.net_move_cost != 0
        )
        moved = paid or maps_disagree(window, before, fresh, 0, 0)
        if not moved or maps_disagree(window, before, fresh, rows, columns):
            rows, columns = 0, 0

    top = first_line(window)
    for board in range(before.shape[0]):
        shift_board(before[board], rows, columns, after[board])
        for row in range(top, top + window.height):
            after[board, row] = after[board, row] & ~fresh[SEEN, row] | fresh[board, row]

    kinds = int(0)
    for k in range(before.shape[0] - FIRST_KIND):
        cells = wp.int64(0)
        for row in range(SIDE):
            cells |= after[FIRST_KIND + k, row]
        kinds |= int(cells != NOTHING) << k
    return kinds


@wp.func
def last_move(window: Window, view: Planes, blocked: Board) -> int:
    """The last action, if it was a step to a free cell; else STAYED."""
    step = wp.min(self_value(window, view, ARGUMENT), 3)
    if self_value(window, view, VERB) != MOVE or is_set(blocked, row_step(step), column_step(step)):
        step = NO_MOVE
    return step


@wp.func
def maps_disagree(window: Window, maps: Boards, fresh: Boards, rows: int, columns: int) -> bool:
    """Whether the maps, moved on by a step, show other blocked cells than are seen now."""
    differ = wp.int64(0)
    top = first_line(window)
    for row in range(top, top + window.height):
        both = shifted_row(maps[SEEN], row, rows, columns) & fresh[SEEN, row]
        blocked = shifted_row(maps[BLOCKED], row, rows, columns)
        differ |= (blocked ^ fresh[BLOCKED, row]) & both
    return differ != NOTHING
