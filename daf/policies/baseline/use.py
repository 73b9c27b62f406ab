"""Use of stations: where agents stand for it, and how many should be there."""

import warp as wp

from daf.policies.baseline.bitboard import (
    EAST,
    NORTH,
    SIDE,
    SOUTH,
    WEST,
    Board,
    Boards,
    approach_cells_in_row,
    find_move_mask_onto,
    in_mask,
)
from daf.policies.baseline.goals import (
    FOLLOW,
    GATHER,
    MAKE,
    REPAIR,
    Goal,
    is_target_kind,
    write_target_stations,
)
from daf.policies.baseline.mapping import CLIPPED_STATION
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.team import Team

PAIR = wp.constant(2)  # agents that make gear


@wp.func
def add_use_cells_and_find_moves_using_now(
    strategy: Strategy, goal: Goal, maps: Boards, scratch: Board, goal_cells_in_out: Board
) -> int:
    """Add the cells from which a move uses a target station; return the moves that use one now."""
    arrived = int(0)
    if goal.activity == REPAIR:
        for row in range(SIDE):
            scratch[row] = maps[CLIPPED_STATION, row]
        for row in range(SIDE):
            goal_cells_in_out[row] |= approach_cells_in_row(
                scratch, row, NORTH | SOUTH | WEST | EAST
            )
        arrived |= find_move_mask_onto(scratch)
    for kind in range(strategy.type_id.shape[0]):
        if is_target_kind(strategy, goal, kind):
            write_target_stations(strategy, goal, maps, kind, scratch)
            for row in range(SIDE):
                goal_cells_in_out[row] |= approach_cells_in_row(scratch, row, strategy.moves[kind])
            arrived |= find_move_mask_onto(scratch) & strategy.moves[kind]
    return arrived


@wp.func
def has_places_filled_in_order(strategy: Strategy, goal: Goal, is_at_source: bool) -> bool:
    """Check whether the goal is one of several places that agents fill in an order."""
    makes_hearts = goal.activity == MAKE and not strategy.solo_assembly and not goal.makes_gear
    follows = goal.activity == FOLLOW and is_at_source
    leads = goal.activity == GATHER and goal.glyph > 0
    return makes_hearts or follows or leads


@wp.func
def find_wanted_team_size_around_station(
    strategy: Strategy,
    goal: Goal,
    team: Team,
    maps: Boards,
    scratch: Board,
    moves_into_target_mask: int,
    move: int,
) -> int:
    """Return the number of agents that should be around the station that a move uses."""
    wanted = int(1)
    for kind in range(strategy.type_id.shape[0]):
        if strategy.team_size[kind] > wanted and is_target_kind(strategy, goal, kind):
            write_target_stations(strategy, goal, maps, kind, scratch)
            if in_mask(find_move_mask_onto(scratch), move):
                wanted = strategy.team_size[kind]
    # where stations are many, only agents in view are waited for
    if goal.activity == GATHER and not strategy.waits_for_team:
        wanted = wp.min(wanted, team.num_visible)
    if goal.makes_gear and moves_into_target_mask != 0:
        wanted = PAIR
    return wanted
