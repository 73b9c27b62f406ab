"""Choice of the next goal of an agent, and of the stations that serve it.

The first rule whose condition holds decides:

| condition | activity |
|---|---|
| low energy, or charging, and a charger is near | CHARGE |
| carries a heart | DELIVER to the heart chest |
| carries gear | REPAIR a clipped station |
| carries the resource of gear that the team needs | MAKE gear at the assembler |
| present agents can make a heart, or could a short time ago | MAKE |
| team lacks a resource of team sources, and a leader is in view | FOLLOW the leader |
| a source of a missing resource is ready, or nothing is left to explore | GATHER |
| load complete, nothing left to explore, or trip too long | MAKE, HELP or WAIT |
| else | EXPLORE; REST if nothing is left to explore |
"""

import warp as wp

from daf.policies.baseline.bitboard import (
    SIDE,
    Board,
    Boards,
    in_mask,
    select_orthogonal_neighbors_of_agent,
)
from daf.policies.baseline.giving_way import blocks_assembler, should_yield_assembler
from daf.policies.baseline.leading import (
    lacks_team_resource,
    may_go_to_team_source,
    own_glyph_as_leader,
    sees_leader,
    should_lead_to_team_source,
)
from daf.policies.baseline.mapping import COOLING, FIRST_KIND
from daf.policies.baseline.memory import AgentMemory
from daf.policies.baseline.needs import (
    CAPACITY,
    carries_main_resources_for_a_heart,
    choose_source_kinds,
    has_ready_station,
    is_charger_near,
    missing_resource_mask,
    total_carried_heart_resources,
)
from daf.policies.baseline.repair import (
    NO_RESOURCE,
    can_make_gear,
    carries_gear,
    find_first_resource_only_from_repair,
    is_gear_carrier_visible,
    must_gather_more_gear_resource,
)
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.team import Team, can_make_heart
from daf.policies.baseline.window import ENERGY, HEART, Planes, Window, read_plane_at_agent_cell

# Up to this energy, a ready charger beside the agent is worth one step.
ADJACENT_CHARGE_ENERGY = wp.constant(50)
CHARGED_ENERGY = wp.constant(80)  # an agent that recharges goes on up to this energy
MEETING_ENERGY = wp.constant(15)  # below this energy an agent leaves a meeting to recharge
FINAL_STEPS = wp.constant(100)  # steps before the end in which agents return

CHARGE, DELIVER, GATHER, MAKE, WAIT, EXPLORE, REST, FOLLOW, HELP, REPAIR = (
    wp.constant(index) for index in range(10)
)
"""Activities."""


@wp.struct
class Goal:
    """Next goal of an agent.

    Attributes:
        activity: CHARGE, DELIVER, GATHER, MAKE, WAIT (until others made their heart), EXPLORE,
            REST, FOLLOW (the leader), HELP (to make gear) or REPAIR.
        target_kinds: set of station kinds that serve the activity.
        glyph: glyph that the agent shows; above 0 it leads others to its target.
        makes_gear: the agent makes gear, not hearts.
        skip_cooling: stations on cooldown are no targets.
        charge_if_adjacent: a ready charger beside the agent is a target, too.
    """

    activity: int
    target_kinds: int
    glyph: int
    makes_gear: bool
    skip_cooling: bool
    charge_if_adjacent: bool


@wp.func
def choose_goal(
    strategy: Strategy,
    window: Window,
    view: Planes,
    maps: Boards,
    kinds_on_map_mask: int,
    team: Team,
    memory: AgentMemory,
    cells_around_assemblers: Board,
    other_agent_cells: Board,
) -> Goal:
    """Choose the most urgent activity that is possible.

    Args:
        strategy: stations and amounts of the game.
        window: shape of the window.
        view: uint8 [planes, P], observation.
        maps: int64 [4 + B, SIDE], boards of the map.
        kinds_on_map_mask: set of the station kinds on the maps.
        team: agents in view.
        memory: state besides the map.
        cells_around_assemblers: int64 [SIDE], cells around assemblers.
        other_agent_cells: int64 [SIDE], cells of other agents.
    """
    goal = Goal()
    energy = read_plane_at_agent_cell(window, view, ENERGY)
    goal.charge_if_adjacent = energy <= ADJACENT_CHARGE_ENERGY

    # needs: missing resources of the load, of the team, and of gear
    clipped_resource = find_first_resource_only_from_repair(strategy, maps, kinds_on_map_mask, team)
    missing = missing_resource_mask(strategy, window, view, memory.carrier)
    if must_gather_more_gear_resource(strategy, window, view, clipped_resource, memory):
        missing |= 1 << strategy.gear_resource
    follows, leads = bool(False), bool(False)
    if lacks_team_resource(strategy, window, view, team, memory):
        is_free = may_go_to_team_source(strategy, memory, missing)
        follows = is_free and sees_leader(strategy, team, memory)
        has_room = total_carried_heart_resources(strategy, window, view) < CAPACITY
        leads = (
            is_free
            and has_room
            and not follows
            and should_lead_to_team_source(strategy, team, memory)
            and (kinds_on_map_mask & strategy.team_sources) != 0
        )
        stays = in_mask(strategy.staying_carriers, memory.carrier)
        if leads or (strategy.waits_for_team and has_room and not stays):
            missing |= strategy.team_resources
    else:
        missing &= ~strategy.team_resources
    goal.makes_gear = can_make_gear(strategy, window, view, clipped_resource, memory)
    source_kinds = choose_source_kinds(strategy, kinds_on_map_mask, missing, memory.fully_explored)
    has_ready_source = bool(False)
    if memory.meeting_steps == 0:
        has_ready_source = has_ready_station(maps, source_kinds)
    returns = (
        memory.trip_steps > strategy.trip_limit or memory.steps_left < FINAL_STEPS
    ) and carries_main_resources_for_a_heart(strategy, window, view, memory.carrier)

    # default: explore
    goal.activity = EXPLORE
    if memory.fully_explored:
        goal.activity = REST
    is_weak = energy < recharge_energy_threshold(strategy, team, memory)
    if is_weak:
        is_weak = is_charger_near(maps, strategy.chargers)
    # recharge at low energy
    if is_weak:
        goal.activity = CHARGE
        goal.target_kinds = strategy.chargers
    # deliver a heart
    elif read_plane_at_agent_cell(window, view, HEART) > 0:
        if (kinds_on_map_mask & strategy.heart_chests) != 0:
            goal.activity = DELIVER
            goal.target_kinds = strategy.heart_chests
    # repair a clipped station
    elif carries_gear(strategy, window, view):
        goal.activity = REPAIR
    # make gear, or a heart of what the present agents carry
    elif goal.makes_gear or (memory.meeting_steps > 0 and not strategy.solo_assembly):
        goal.activity = MAKE
        goal.target_kinds = strategy.assemblers
    # follow the leader to a source that needs a team
    elif follows:
        goal.activity = FOLLOW
    # gather missing resources; stations on cooldown are second choice
    elif source_kinds != 0 and (has_ready_source or (memory.fully_explored and not returns)):
        goal.activity = GATHER
        goal.target_kinds = source_kinds
        goal.skip_cooling = has_ready_source
        if leads:
            goal.glyph = own_glyph_as_leader(strategy, memory)
    # go to the assembler
    elif (kinds_on_map_mask & strategy.assemblers) != 0 and (
        missing == 0 or memory.fully_explored or returns
    ):
        goal.activity = choose_activity_at_assembler(
            strategy,
            window,
            view,
            clipped_resource,
            memory,
            cells_around_assemblers,
            other_agent_cells,
        )
        if goal.activity == MAKE:
            goal.target_kinds = strategy.assemblers
    return goal


@wp.func
def recharge_energy_threshold(strategy: Strategy, team: Team, memory: AgentMemory) -> int:
    """Return the energy below which the agent recharges."""
    energy = strategy.low_energy
    if not strategy.solo_assembly:
        if memory.last_activity == CHARGE:
            energy = CHARGED_ENERGY
        if can_make_heart(strategy, team):
            energy = MEETING_ENERGY
    return energy


@wp.func
def choose_activity_at_assembler(
    strategy: Strategy,
    window: Window,
    view: Planes,
    clipped_resource: int,
    memory: AgentMemory,
    cells_around_assemblers: Board,
    other_agent_cells: Board,
) -> int:
    """Return the activity of an agent at the assembler: MAKE, HELP to make gear, or WAIT.

    Args:
        strategy: stations and amounts of the game.
        window: shape of the window.
        view: uint8 [planes, P], observation.
        clipped_resource: resource that only a repair gives, or NO_RESOURCE.
        memory: state besides the map.
        cells_around_assemblers: int64 [SIDE], cells around assemblers.
        other_agent_cells: int64 [SIDE], cells of other agents.
    """
    activity = int(MAKE)
    gives_way = bool(False)
    if clipped_resource != NO_RESOURCE:
        # only the carrier of the clipped resource helps
        activity = WAIT
        if strategy.load[memory.carrier, clipped_resource] > 0 and not is_gear_carrier_visible(
            strategy, view
        ):
            activity = HELP
    elif strategy.solo_assembly:
        gives_way = should_yield_assembler(
            strategy, window, view, cells_around_assemblers, other_agent_cells
        )
    elif strategy.num_agents > strategy.team:
        gives_way = (memory.last_activity == WAIT and memory.stays_away) or blocks_assembler(
            strategy, window, view, cells_around_assemblers, other_agent_cells
        )
    if gives_way:
        activity = WAIT
    return activity


@wp.func
def is_target_kind(strategy: Strategy, goal: Goal, kind: int) -> bool:
    """Check whether stations of a kind may be targets."""
    return in_mask(goal.target_kinds, kind) or (
        goal.charge_if_adjacent and in_mask(strategy.chargers, kind)
    )


@wp.func
def write_target_stations(
    strategy: Strategy, goal: Goal, maps: Boards, kind: int, targets_out: Board
):
    """Write the stations of a kind that are targets, int64 [SIDE]."""
    charges_adjacent = goal.charge_if_adjacent and in_mask(strategy.chargers, kind)
    for row in range(SIDE):
        stations = maps[FIRST_KIND + kind, row]
        ready = stations & ~maps[COOLING, row]
        targets = wp.int64(0)
        if in_mask(goal.target_kinds, kind):
            targets = stations
            if goal.skip_cooling:
                targets = ready
        if charges_adjacent:
            targets |= select_orthogonal_neighbors_of_agent(ready, row)
        targets_out[row] = targets
