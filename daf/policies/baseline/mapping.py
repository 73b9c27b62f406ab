"""Update of the remembered map of an agent from its current observation."""

import warp as wp

from daf.policies.baseline.bitboard import (
    NOTHING,
    RADIUS,
    SIDE,
    Board,
    Boards,
    cell_bit,
    column_change,
    is_set,
    row_change,
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
    rank_by_distance,
    read_plane_at_agent_cell,
)

MOVE = wp.constant(1)  # value of the feature `last_action` after a move
NO_MOVE = wp.constant(-1)
SEEN, BLOCKED, COOLING, CLIPPED_STATION, FIRST_KIND = (wp.constant(board) for board in range(5))
"""Boards of the map: seen cells, blocked cells, stations on cooldown, clipped stations; then one
per station kind."""


@wp.func
def first_window_board_row(window: Window) -> int:
    """Return the first row of a board that the window covers."""
    return RADIUS - window.height // 2


@wp.func
def rasterize_window(
    strategy: Strategy,
    window: Window,
    view: Planes,
    first_unseen_rank: int,
    observed_maps: Boards,
    other_agent_cells: Board,
):
    """Convert the window to bitboards.

    Args:
        strategy: stations and amounts of the game.
        window: shape of the window.
        view: uint8 [planes, P], observation.
        first_unseen_rank: distance rank of the first cell whose tokens were cut off.
        observed_maps: int64 [4 + B, SIDE], boards of the map as observed; only the rows of the
            window are written.
        other_agent_cells: int64 [SIDE], cells of other agents; written.
    """
    for row in range(SIDE):
        other_agent_cells[row] = NOTHING
    top, left = first_window_board_row(window), RADIUS - window.width // 2
    for r in range(window.height):
        for board in range(observed_maps.shape[0]):
            observed_maps[board, top + r] = NOTHING
        seen, blocked, agents_in_row = wp.int64(0), wp.int64(0), wp.int64(0)
        for c in range(window.width):
            column_bit = cell_bit(left + c)
            if (
                rank_by_distance(window, r, c, window.height // 2, window.width // 2)
                < first_unseen_rank
            ):
                seen |= column_bit
            cell = r * window.width + c
            object_type = int(view[TYPE, cell])
            if object_type == AGENT_TYPE and cell != window.center:
                agents_in_row |= column_bit
            if object_type >= WALL_TYPE:
                blocked |= column_bit
            if object_type > WALL_TYPE:
                rasterize_station(strategy, view, cell, column_bit, top + r, observed_maps)
        observed_maps[SEEN, top + r] = seen
        observed_maps[BLOCKED, top + r] = blocked
        other_agent_cells[top + r] = agents_in_row


@wp.func
def rasterize_station(
    strategy: Strategy,
    view: Planes,
    window_cell_index: int,
    board_column_bit: wp.int64,
    board_row: int,
    observed_maps: Boards,
):
    """Set the bit of a station on its boards.

    Args:
        strategy: stations and amounts of the game.
        view: uint8 [planes, P], observation.
        window_cell_index: index of the cell in the window.
        board_column_bit: bit of the column of the boards.
        board_row: row of the boards.
        observed_maps: int64 [4 + B, SIDE], boards of the map as observed.
    """
    for kind in range(strategy.type_id.shape[0]):
        if int(view[TYPE, window_cell_index]) == strategy.type_id[kind] + 1:
            if int(view[COOLDOWN, window_cell_index]) > strategy.max_cooldown[kind] + 1:
                observed_maps[COOLING, board_row] |= board_column_bit
            if view[CLIPPED, window_cell_index] != wp.uint8(0):
                observed_maps[CLIPPED_STATION, board_row] |= board_column_bit
            if is_station_usable(view, window_cell_index, strategy.stock_plane[kind]):
                observed_maps[FIRST_KIND + kind, board_row] |= board_column_bit


@wp.func
def is_station_usable(view: Planes, window_cell_index: int, stock_plane: int) -> bool:
    """Check whether a chest has stock, or a machine works and has uses left."""
    is_unclipped = view[CLIPPED, window_cell_index] == wp.uint8(0)
    useful = is_unclipped and view[USES, window_cell_index] != wp.uint8(1)
    if stock_plane != NO_PLANE:
        useful = view[stock_plane, window_cell_index] > wp.uint8(0)
    return useful


@wp.func
def update_map(
    strategy: Strategy,
    window: Window,
    view: Planes,
    observed_maps: Boards,
    other_agent_cells: Board,
    energy_before: int,
    maps_before: Boards,
    maps_after: Boards,
):
    """Write the maps after the last action.

    The success of a move is not observed. It succeeded if the agent paid its price, and no other
    agent is ahead; a move into an agent may cost the same. Else it succeeded if the blocked cells
    in view agree with the shifted map only. If both maps or none agrees, the price decides.

    Args:
        strategy: stations and amounts of the game.
        window: shape of the window.
        view: uint8 [planes, P], observation.
        observed_maps: int64 [4 + B, SIDE], boards of the map as observed.
        other_agent_cells: int64 [SIDE], cells of other agents.
        energy_before: energy of the agent before the last action.
        maps_before: int64 [4 + B, SIDE], boards of the map before the last action.
        maps_after: int64 [4 + B, SIDE], boards of the map after the last action; written.
    """
    # displacement by the last action
    rows, columns = int(0), int(0)
    move = read_last_unblocked_move(window, view, maps_before[BLOCKED])
    if move != NO_MOVE:
        rows, columns = row_change(move), column_change(move)
        energy = read_plane_at_agent_cell(window, view, ENERGY)
        has_paid = energy == energy_before - strategy.net_move_cost and strategy.net_move_cost != 0
        # after a share of another agent the price is not seen, but most moves succeed
        has_received = energy > energy_before + strategy.move_energy - strategy.net_move_cost
        can_have_stayed = not maps_disagree(window, maps_before, observed_maps, 0, 0)
        can_have_moved = not maps_disagree(window, maps_before, observed_maps, rows, columns)
        is_agent_ahead = is_set(other_agent_cells, rows, columns)
        has_moved = can_have_moved
        if can_have_moved == can_have_stayed or (has_paid and not is_agent_ahead):
            has_moved = has_paid or (has_received and not is_agent_ahead)
        if not has_moved:
            rows, columns = 0, 0

    # shift the maps and replace the seen cells
    top = first_window_board_row(window)
    for board in range(maps_before.shape[0]):
        shift_board(maps_before[board], rows, columns, maps_after[board])
        for row in range(top, top + window.height):
            maps_after[board, row] = (
                maps_after[board, row] & ~observed_maps[SEEN, row] | observed_maps[board, row]
            )


@wp.func
def find_station_kind_mask(maps: Boards) -> int:
    """Find the set of station kinds on the maps."""
    kind_mask = int(0)
    for kind in range(maps.shape[0] - FIRST_KIND):
        cells = wp.int64(0)
        for row in range(SIDE):
            cells |= maps[FIRST_KIND + kind, row]
        kind_mask |= int(cells != NOTHING) << kind
    return kind_mask


@wp.func
def read_last_unblocked_move(window: Window, view: Planes, blocked_before: Board) -> int:
    """Return the last action if it was a move to an unblocked cell; else NO_MOVE."""
    move = wp.min(read_plane_at_agent_cell(window, view, ARGUMENT), 3)
    if read_plane_at_agent_cell(window, view, VERB) != MOVE or is_set(
        blocked_before, row_change(move), column_change(move)
    ):
        move = NO_MOVE
    return move


@wp.func
def maps_disagree(
    window: Window,
    maps_before: Boards,
    observed_maps: Boards,
    agent_row_step: int,
    agent_column_step: int,
) -> bool:
    """Check whether the maps, shifted by a step, contradict the observed blocked cells."""
    differing = wp.int64(0)
    top = first_window_board_row(window)
    for row in range(top, top + window.height):
        seen_twice = (
            shifted_row(maps_before[SEEN], row, agent_row_step, agent_column_step)
            & observed_maps[SEEN, row]
        )
        blocked = shifted_row(maps_before[BLOCKED], row, agent_row_step, agent_column_step)
        differing |= (blocked ^ observed_maps[BLOCKED, row]) & seen_twice
    return differing != NOTHING
