"""What an agent wants to do now, and with which stations."""

import warp as wp

from daf.policies.baseline.bitboard import (
    NOTHING,
    SIDE,
    Board,
    Boards,
    in_mask,
    is_set,
    only_neighbours,
)
from daf.policies.baseline.mapping import COOLING, FIRST_KIND
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.window import (
    AGENT_TYPE,
    ENERGY,
    HEART,
    TYPE,
    Planes,
    Window,
    rank,
    self_value,
)

ADJACENT_CHARGE_ENERGY = wp.constant(
    50
)  # with no more, a ready charger beside the agent is worth a step

CHARGE, DELIVER, GATHER, MAKE, WAIT, EXPLORE, REST = (wp.constant(need) for need in range(7))


@wp.struct
class Goal:
    """What an agent is about to do.

    Attributes:
        need: CHARGE, DELIVER, GATHER, MAKE, WAIT (until others made their heart), EXPLORE or REST.
        stations: the kinds of stations that serve.
        awake: stations that rest do not.
        thirsty: a ready charger beside the agent serves, too.
    """

    activity: int
    stations: int
    skip_cooling: bool
    charge_if_adjacent: bool


@wp.func
def choose_goal(
    strategy: Strategy,
    window: Window,
    view: Planes,
    boards: Boards,
    kinds: int,
    ring: Board,
    agents: Board,
    explored: bool,
) -> Goal:
    """The first of the needs that there is, most urgent first.

    Args:
        boards: [3 + K, SIDE], the maps.
        kinds: those that are on them.
        ring: the cells around assemblers.
        agents: the others.
        explored: no unknown cell can be reached.
    """
    lacking = missing_resources(strategy, window, view)
    goal = Goal()
    goal.charge_if_adjacent = self_value(window, view, ENERGY) <= ADJACENT_CHARGE_ENERGY
    goal.activity = EXPLORE
    if explored:
        goal.activity = REST
    if self_value(window, view, ENERGY) < strategy.low_energy and (kinds & strategy.chargers) != 0:
        goal.activity = CHARGE
        goal.stations = strategy.chargers
    elif self_value(window, view, HEART) > 0:
        if (kinds & strategy.heart_chests) != 0:
            goal.activity = DELIVER
            goal.stations = strategy.heart_chests
    elif (kinds & sources(strategy, lacking)) != 0:
        goal.activity = GATHER
        goal.stations = kinds & sources(strategy, lacking)
        if (goal.stations & strategy.team_stations) != 0:
            goal.stations &= strategy.team_stations
        # A source that rests is second choice.
        goal.skip_cooling = any_station_ready(boards, goal.stations)
    elif (kinds & strategy.assemblers) != 0 and (lacking == 0 or explored):
        goal.activity = MAKE
        goal.stations = strategy.assemblers
        if strategy.solo_assembly:
            if should_yield(strategy, window, view, ring, agents):
                goal.activity = WAIT
        elif is_blocking(strategy, window, view, ring, agents):
            goal.activity = WAIT
        if goal.activity == WAIT:
            goal.stations = 0
    return goal


@wp.func
def missing_resources(strategy: Strategy, window: Window, view: Planes) -> int:
    """The resources, by number, of which the agent has not enough for a heart."""
    lacking = int(0)
    for m in range(strategy.resource.shape[0]):
        if self_value(window, view, strategy.resource[m]) < strategy.amount[m]:
            lacking |= 1 << m
    return lacking


@wp.func
def sources(strategy: Strategy, resources: int) -> int:
    """The kinds that give one of the resources."""
    kinds = int(0)
    for m in range(strategy.resource.shape[0]):
        if in_mask(resources, m):
            kinds |= strategy.sources[m]
    return kinds


@wp.func
def any_station_ready(boards: Boards, kinds: int) -> bool:
    """Whether a station of these kinds is known that does not rest."""
    ready = wp.int64(0)
    for k in range(boards.shape[0] - FIRST_KIND):
        if in_mask(kinds, k):
            for row in range(SIDE):
                ready |= boards[FIRST_KIND + k, row] & ~boards[COOLING, row]
    return ready != NOTHING


@wp.func
def should_yield(
    strategy: Strategy, window: Window, view: Planes, ring: Board, agents: Board
) -> bool:
    """Whether to leave the assembler in view to others.

    The first of all who can make a heart, by distance and then in reading order, may enter once
    nobody else is there; all who see each other agree on who that is.
    """
    maker = int(-1)
    for cell in range(view.shape[1]):
        for k in range(strategy.type_id.shape[0]):
            if (
                maker < 0
                and in_mask(strategy.assemblers, k)
                and int(view[TYPE, cell]) == strategy.type_id[k] + 1
            ):
                maker = cell
    if maker < 0:
        return False

    row, column = maker // window.width, maker % window.width
    own_rank = rank(window, window.height // 2, window.width // 2, row, column)
    first = bool(True)
    for r in range(window.height):
        for c in range(window.width):
            cell = r * window.width + c
            agent = int(view[TYPE, cell]) == AGENT_TYPE
            rival = (
                agent
                and int(view[HEART, cell]) == 0
                and int(view[ENERGY, cell]) >= strategy.low_energy
            )
            if rival and rank(window, r, c, row, column) < own_rank:
                first = False

    there = wp.int64(0)
    for line in range(SIDE):
        there |= ring[line] & agents[line]
    return not first or (there != NOTHING and not is_set(ring, 0, 0))


@wp.func
def is_blocking(
    strategy: Strategy, window: Window, view: Planes, ring: Board, agents: Board
) -> bool:
    """Whether enough agents stand around the assembler, but have not what a heart takes, and this
    one has nothing of that: it is in the way of somebody who has."""
    if not is_set(ring, 0, 0):
        return False
    missing = bool(False)
    for m in range(strategy.resource.shape[0]):
        number, amount = int(1), self_value(window, view, strategy.resource[m])
        if amount == 0:
            for r in range(window.height):
                for c in range(window.width):
                    row, column = r - window.height // 2, c - window.width // 2
                    if is_set(agents, row, column) and is_set(ring, row, column):
                        number += 1
                        amount += int(view[strategy.resource[m], r * window.width + c])
            missing = missing or (number >= strategy.team and amount < strategy.recipe_amount[m])
    return missing


@wp.func
def is_target_kind(strategy: Strategy, goal: Goal, kind: int) -> bool:
    """Whether there may be stations of this kind to use."""
    return in_mask(goal.stations, kind) or (
        goal.charge_if_adjacent and in_mask(strategy.chargers, kind)
    )


@wp.func
def target_stations(strategy: Strategy, goal: Goal, boards: Boards, kind: int, result: Board):
    """Write the stations of a kind that serve, [SIDE]."""
    handy = goal.charge_if_adjacent and in_mask(strategy.chargers, kind)
    for row in range(SIDE):
        cells = boards[FIRST_KIND + kind, row]
        ready = cells & ~boards[COOLING, row]
        chosen = wp.int64(0)
        if in_mask(goal.stations, kind):
            chosen = cells
            if goal.skip_cooling:
                chosen = ready
        if handy:
            chosen |= only_neighbours(ready, row)
        result[row] = chosen
