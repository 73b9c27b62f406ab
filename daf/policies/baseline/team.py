"""Agents in view as a team: their number and their pooled resources."""

import warp as wp

from daf.policies.baseline.bitboard import (
    NOTHING,
    RADIUS,
    Board,
    Boards,
    cell_bit,
    column_change,
    in_mask,
    is_set,
    row_change,
)
from daf.policies.baseline.mapping import FIRST_KIND
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.window import GLYPH, Planes, Window

MAX_START_DISTANCE = wp.constant(5)  # cells, as far as the usual window
MAX_RESOURCES = 9  # all resources without energy
Amounts = wp.types.vector(length=MAX_RESOURCES, dtype=wp.int32)


@wp.struct
class Team:
    """Agents in view, the observing agent included.

    Attributes:
        num_visible: number of agents in view.
        stock: amount of each resource of a heart that they carry together.
        num_present: number of agents in view at an assembler.
        present_stock: amount of each resource that the present agents carry together.
        is_present: the observing agent is at an assembler.
        leader_glyph: smallest glyph above 0 of another agent; 0 without leader.
        leader_row: row of this agent on the boards.
        leader_column: column of this agent on the boards.
    """

    num_visible: int
    stock: Amounts
    num_present: int
    present_stock: Amounts
    is_present: bool
    leader_glyph: int
    leader_row: int
    leader_column: int


@wp.func
def observe_team(
    strategy: Strategy,
    window: Window,
    view: Planes,
    other_agent_cells: Board,
    cells_near_assemblers: Board,
) -> Team:
    """Observe the agents in view.

    Args:
        strategy: stations and amounts of the game.
        window: shape of the window.
        view: uint8 [planes, P], observation.
        other_agent_cells: int64 [SIDE], cells of other agents.
        cells_near_assemblers: int64 [SIDE], cells near assemblers.
    """
    team = Team()
    for row in range(window.height):
        board_row = RADIUS + row - window.height // 2
        agents = other_agent_cells[board_row]
        if board_row == RADIUS:
            agents |= cell_bit(RADIUS)
        if agents != NOTHING:
            for column in range(window.width):
                board_column = RADIUS + column - window.width // 2
                if (agents & cell_bit(board_column)) != NOTHING:
                    cell = row * window.width + column
                    is_present = (
                        cells_near_assemblers[board_row] & cell_bit(board_column)
                    ) != NOTHING
                    team.num_visible += 1
                    if is_present:
                        team.num_present += 1
                    if cell == window.center:
                        team.is_present = is_present
                    else:
                        glyph = int(view[GLYPH, cell])
                        if glyph > 0 and (team.leader_glyph == 0 or glyph < team.leader_glyph):
                            team.leader_glyph = glyph
                            team.leader_row = board_row
                            team.leader_column = board_column
                    for r in range(strategy.resource.shape[0]):
                        amount = int(view[strategy.resource[r], cell])
                        team.stock[r] += amount
                        if is_present:
                            team.present_stock[r] += amount
    return team


@wp.func
def can_make_heart(strategy: Strategy, team: Team) -> bool:
    """Check whether the present agents carry the resources of a heart and are enough."""
    can_make = team.is_present and team.num_present >= strategy.team
    for r in range(strategy.resource.shape[0]):
        if team.present_stock[r] < strategy.recipe_amount[r]:
            can_make = False
    return can_make


@wp.func
def carrier_by_starting_side(strategy: Strategy, maps: Boards) -> int:
    """Return the carrier of an agent that starts straight N, S, W or E of an assembler.

    Agents on different sides are different carriers. All other agents have no place in the team.
    """
    no_place = strategy.load.shape[0] - 1
    carrier = int(no_place)
    for distance in range(1, MAX_START_DISTANCE + 1):
        for move in range(4):
            row, column = distance * row_change(move), distance * column_change(move)
            for kind in range(strategy.type_id.shape[0]):
                is_assembler = in_mask(strategy.assemblers, kind)
                if is_assembler and is_set(maps[FIRST_KIND + kind], row, column):
                    carrier = move
    return wp.min(carrier, no_place)
