"""Places: cells around stations, assemblers and leaders where agents stand."""

import warp as wp

from daf.policies.baseline.bitboard import (
    NOTHING,
    RADIUS,
    SIDE,
    Board,
    Boards,
    cell_bit,
    dilate_board_row,
    dilate_row,
    in_mask,
    row_bits,
    shift_columns,
)
from daf.policies.baseline.mapping import FIRST_KIND
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.team import Team

VIEW_REACH = wp.constant(7)  # rows in view on each side, at most; a location has 16 rows
HOME_REACH = wp.constant(24)  # cells around the assembler that agents explore; the map is larger


@wp.func
def write_meeting_area(
    strategy: Strategy, cells_around_assemblers: Board, scratch: Board, area_out: Board
):
    """Write the cells where an agent is present at an assembler, int64 [SIDE].

    They are up to 3 cells away. With more agents than places only the places count. Only rows in
    view are written.
    """
    for row in range(RADIUS - VIEW_REACH - 1, RADIUS + VIEW_REACH + 2):
        scratch[row] = dilate_board_row(cells_around_assemblers, row)
    for row in range(RADIUS - VIEW_REACH, RADIUS + VIEW_REACH + 1):
        area_out[row] = dilate_board_row(scratch, row)
        if strategy.num_agents > strategy.team:
            area_out[row] = cells_around_assemblers[row]


@wp.func
def heart_making_cells_in_row(strategy: Strategy, assemblers: Board, row: int) -> wp.int64:
    """Return the cells of a row from which assemblers make hearts."""
    cells = wp.int64(0)
    for position in range(8):
        if in_mask(strategy.assembly_positions, position):
            cell = position + int(position > 3)  # index in the 3 x 3 square, without the center
            cells |= shift_columns(row_bits(assemblers, row - (cell // 3 - 1)), cell % 3 - 1)
    return cells


@wp.func
def write_leader_cells_and_check_at_station(
    strategy: Strategy, maps: Boards, team: Team, scratch: Board, goals_out: Board
) -> bool:
    """Write the cells around the leader's station, or around the leader, int64 [SIDE]."""
    at_station = wp.int64(0)
    for row in range(SIDE):
        scratch[row] = NOTHING
        goals_out[row] = NOTHING
    leader = cell_bit(team.leader_column)
    for row in range(team.leader_row - 1, team.leader_row + 2):
        for kind in range(strategy.type_id.shape[0]):
            if in_mask(strategy.team_sources, kind):
                scratch[row] |= maps[FIRST_KIND + kind, row] & dilate_row(leader)
                at_station |= scratch[row]
    if at_station == NOTHING:
        for row in range(team.leader_row - 1, team.leader_row + 2):
            scratch[row] = dilate_row(leader)
    for row in range(SIDE):
        goals_out[row] = dilate_board_row(scratch, row)
    goals_out[team.leader_row] &= ~leader
    return at_station != NOTHING


@wp.func
def keep_cells_farthest_from_chest(maps: Boards, chest_kind_mask: int, cells: Board):
    """Keep the cells that are farthest from the first heart chest; all without a chest.

    Agents that fill the far places first do not lock them.
    """
    chest = find_first_station(maps, chest_kind_mask)
    if chest[0] >= 0:
        # largest distance
        max_distance = int(0)
        for row in range(SIDE):
            if cells[row] != NOTHING:
                for column in range(SIDE):
                    if (cells[row] & cell_bit(column)) != NOTHING:
                        distance = wp.abs(row - chest[0]) + wp.abs(column - chest[1])
                        max_distance = wp.max(max_distance, distance)
        # remove closer cells
        for row in range(SIDE):
            if cells[row] != NOTHING:
                for column in range(SIDE):
                    if wp.abs(row - chest[0]) + wp.abs(column - chest[1]) < max_distance:
                        cells[row] &= ~cell_bit(column)


@wp.func
def keep_cells_near_first_assembler(maps: Boards, assembler_kind_mask: int, cells: Board):
    """Keep the cells near the first assembler, so that it stays on the map."""
    home = find_first_station(maps, assembler_kind_mask)
    if home[0] >= 0:
        columns = wp.int64(0)
        for column in range(SIDE):
            if wp.abs(column - home[1]) <= HOME_REACH:
                columns |= cell_bit(column)
        for row in range(SIDE):
            cells[row] &= columns
            if wp.abs(row - home[0]) > HOME_REACH:
                cells[row] = NOTHING


@wp.func
def find_first_station(maps: Boards, kind_mask: int) -> wp.vec2i:
    """Find row and column of the first station of some kinds; row -1 without any."""
    position = wp.vec2i(-1, -1)
    for kind in range(maps.shape[0] - FIRST_KIND):
        if in_mask(kind_mask, kind):
            for row in range(SIDE):
                if position[0] < 0 and maps[FIRST_KIND + kind, row] != NOTHING:
                    position = wp.vec2i(row, first_set_column(maps[FIRST_KIND + kind, row]))
    return position


@wp.func
def first_set_column(row_cells: wp.int64) -> int:
    """Return the first set column of a row that is not empty."""
    first = int(0)
    for column in range(SIDE):
        if (row_cells & cell_bit(SIDE - 1 - column)) != NOTHING:
            first = SIDE - 1 - column
    return first


@wp.func
def write_gear_helper_cells(
    strategy: Strategy, maps: Boards, kinds_on_map_mask: int, goals_out: Board
):
    """Write the cells from which the second agent helps to make gear, int64 [SIDE]."""
    cell = strategy.helper_position + int(strategy.helper_position > 3)  # index in 3 x 3 cells
    for row in range(SIDE):
        goals_out[row] = NOTHING
    for kind in range(strategy.type_id.shape[0]):
        if in_mask(strategy.assemblers & kinds_on_map_mask, kind):
            for row in range(SIDE):
                goals_out[row] |= shift_columns(
                    row_bits(maps[FIRST_KIND + kind], row - (cell // 3 - 1)), cell % 3 - 1
                )


@wp.func
def is_other_agent_at_gear_making_cell(
    strategy: Strategy, maps: Boards, cells_around_assemblers: Board, other_agent_cells: Board
) -> bool:
    """Check whether another agent is on a cell from which the assembler makes no hearts."""
    cells = wp.int64(0)
    for kind in range(strategy.type_id.shape[0]):
        if in_mask(strategy.assemblers, kind):
            for row in range(RADIUS - 2, RADIUS + 3):
                cells |= (
                    cells_around_assemblers[row]
                    & other_agent_cells[row]
                    & ~heart_making_cells_in_row(strategy, maps[FIRST_KIND + kind], row)
                )
    return cells != NOTHING
