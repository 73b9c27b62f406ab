"""What an agent wants to do now, and with which stations."""

import warp as wp

from daf.policies.baseline.bitboard import (
    NOTHING,
    SIDE,
    Board,
    Boards,
    has,
    is_set,
    only_neighbours,
)
from daf.policies.baseline.mapping import COOLING, FIRST_KIND
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.window import AGENT_TYPE, ENERGY, HEART, TYPE, Planes, Window, own, rank

ADJACENT_CHARGE_ENERGY = wp.constant(
    50
)  # with no more, a ready charger beside the agent is worth a step

CHARGE, DELIVER, GATHER, MAKE, WAIT, EXPLORE, REST = (wp.constant(need) for need in range(7))


@wp.struct
class Plan:
    """What an agent is about to do.

    Attributes:
        need: CHARGE, DELIVER, GATHER, MAKE, WAIT (until others made their heart), EXPLORE or REST.
        stations: the kinds of stations that serve.
        awake: stations that rest do not.
        thirsty: a ready charger beside the agent serves, too.
    """

    need: int
    stations: int
    awake: bool
    thirsty: bool


@wp.func
def choose_goal(
    aims: Strategy,
    window: Window,
    view: Planes,
    boards: Boards,
    kinds: int,
    ring: Board,
    agents: Board,
    explored: bool,
) -> Plan:
    """The first of the needs that there is, most urgent first.

    Args:
        boards: [3 + K, SIDE], the maps.
        kinds: those that are on them.
        ring: the cells around assemblers.
        agents: the others.
        explored: no unknown cell can be reached.
    """
    lacking = missing_resources(aims, window, view)
    plan = Plan()
    plan.thirsty = own(window, view, ENERGY) <= ADJACENT_CHARGE_ENERGY
    plan.need = EXPLORE
    if explored:
        plan.need = REST
    if own(window, view, ENERGY) < aims.low and (kinds & aims.chargers) != 0:
        plan.need = CHARGE
        plan.stations = aims.chargers
    elif own(window, view, HEART) > 0:
        if (kinds & aims.depots) != 0:
            plan.need = DELIVER
            plan.stations = aims.depots
    elif (kinds & sources(aims, lacking)) != 0:
        plan.need = GATHER
        plan.stations = kinds & sources(aims, lacking)
        if (plan.stations & aims.shared) != 0:
            plan.stations &= aims.shared
        # A source that rests is second choice.
        plan.awake = any_station_ready(boards, plan.stations)
    elif (kinds & aims.makers) != 0 and (lacking == 0 or explored):
        plan.need = MAKE
        plan.stations = aims.makers
        if aims.alone:
            if should_yield(aims, window, view, ring, agents):
                plan.need = WAIT
        elif is_blocking(aims, window, view, ring, agents):
            plan.need = WAIT
        if plan.need == WAIT:
            plan.stations = 0
    return plan


@wp.func
def missing_resources(aims: Strategy, window: Window, view: Planes) -> int:
    """The resources, by number, of which the agent has not enough for a heart."""
    lacking = int(0)
    for m in range(aims.resource.shape[0]):
        if own(window, view, aims.resource[m]) < aims.amount[m]:
            lacking |= 1 << m
    return lacking


@wp.func
def sources(aims: Strategy, resources: int) -> int:
    """The kinds that give one of the resources."""
    kinds = int(0)
    for m in range(aims.resource.shape[0]):
        if has(resources, m):
            kinds |= aims.sources[m]
    return kinds


@wp.func
def any_station_ready(boards: Boards, kinds: int) -> bool:
    """Whether a station of these kinds is known that does not rest."""
    ready = wp.int64(0)
    for k in range(boards.shape[0] - FIRST_KIND):
        if has(kinds, k):
            for row in range(SIDE):
                ready |= boards[FIRST_KIND + k, row] & ~boards[COOLING, row]
    return ready != NOTHING


@wp.func
def should_yield(aims: Strategy, window: Window, view: Planes, ring: Board, agents: Board) -> bool:
    """Whether to leave the assembler in view to others.

    The first of all who can make a heart, by distance and then in reading order, may enter once
    nobody else is there; all who see each other agree on who that is.
    """
    maker = int(-1)
    for cell in range(view.shape[1]):
        for k in range(aims.type_id.shape[0]):
            if maker < 0 and has(aims.makers, k) and int(view[TYPE, cell]) == aims.type_id[k] + 1:
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
            rival = agent and int(view[HEART, cell]) == 0 and int(view[ENERGY, cell]) >= aims.low
            if rival and rank(window, r, c, row, column) < own_rank:
                first = False

    there = wp.int64(0)
    for line in range(SIDE):
        there |= ring[line] & agents[line]
    return not first or (there != NOTHING and not is_set(ring, 0, 0))


@wp.func
def is_blocking(aims: Strategy, window: Window, view: Planes, ring: Board, agents: Board) -> bool:
    """Whether enough agents stand around the assembler, but have not what a heart takes, and this
    one has nothing of that: it is in the way of somebody who has."""
    if not is_set(ring, 0, 0):
        return False
    missing = bool(False)
    for m in range(aims.resource.shape[0]):
        number, amount = int(1), own(window, view, aims.resource[m])
        if amount == 0:
            for r in range(window.height):
                for c in range(window.width):
                    row, column = r - window.height // 2, c - window.width // 2
                    if is_set(agents, row, column) and is_set(ring, row, column):
                        number += 1
                        amount += int(view[aims.resource[m], r * window.width + c])
            missing = missing or (number >= aims.team and amount < aims.taken[m])
    return missing


@wp.func
def is_target_kind(aims: Strategy, plan: Plan, kind: int) -> bool:
    """Whether there may be stations of this kind to use."""
    return has(plan.stations, kind) or (plan.thirsty and has(aims.chargers, kind))


@wp.func
def target_stations(aims: Strategy, plan: Plan, boards: Boards, kind: int, result: Board):
    """Write the stations of a kind that serve, [SIDE]."""
    handy = plan.thirsty and has(aims.chargers, kind)
    for row in range(SIDE):
        cells = boards[FIRST_KIND + kind, row]
        ready = cells & ~boards[COOLING, row]
        chosen = wp.int64(0)
        if has(plan.stations, kind):
            chosen = cells
            if plan.awake:
                chosen = ready
        if handy:
            chosen |= only_neighbours(ready, row)
        result[row] = chosen
