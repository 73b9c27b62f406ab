"""Kernel of the baseline: from observation and state to action and state, one thread per row."""

import warp as wp

from daf.policies.baseline.bitboard import (
    SIDE,
    column_change,
    find_move_mask_onto,
    is_set,
    row_change,
    shortest_path_move_mask,
)
from daf.policies.baseline.goals import (
    EXPLORE,
    FOLLOW,
    HELP,
    MAKE,
    WAIT,
    choose_goal,
)
from daf.policies.baseline.mapping import (
    COOLING,
    SEEN,
    find_station_kind_mask,
    rasterize_window,
    update_map,
)
from daf.policies.baseline.memory import AgentMemory, update_memory_from_visible_team
from daf.policies.baseline.navigation import (
    count_agents_around_destination,
    hesitate_probability,
    pick_random_move,
    write_cells_around_assemblers,
    write_explore_or_wait_cells,
    write_passable_cells,
)
from daf.policies.baseline.places import (
    is_other_agent_at_gear_making_cell,
    keep_cells_farthest_from_chest,
    keep_cells_near_first_assembler,
    write_gear_helper_cells,
    write_leader_cells_and_check_at_station,
    write_meeting_area,
)
from daf.policies.baseline.strategy import FIRST_GLYPH_ACTION, Strategy
from daf.policies.baseline.team import Team, carrier_by_starting_side, observe_team
from daf.policies.baseline.use import (
    add_use_cells_and_find_moves_using_now,
    find_wanted_team_size_around_station,
    has_places_filled_in_order,
)
from daf.policies.baseline.window import (
    ENERGY,
    GLYPH,
    Window,
    add_tokens_to_planes,
    find_distance_rank_of_last_token,
    read_plane_at_agent_cell,
)
from daf.sim.random import FIRST_FACTOR, murmur3_finalizer
from daf.sim.step import BLOCK_DIM, INLINE_FLAGS

RETRY_PROBABILITY = wp.constant(1 / 32)  # per step: explore again when nothing was reachable
RETURN_PROBABILITY = wp.constant(1 / 5)  # per step: enter again after giving way
SIDESTEP_PROBABILITY = wp.constant(0.5)  # per step: move when idle beside another agent
GLYPH_ACTION = wp.constant(FIRST_GLYPH_ACTION)

AGENTS, RING, PASSABLE, GOALS, TARGETS, OBSERVED = (wp.constant(board) for board in range(6))
"""Boards of the scratch memory; OBSERVED is the first of 4 + B observed boards of the map."""

wp.set_module_options(
    {
        "enable_backward": False,
        "fuse_fp": False,
        "cpu_compiler_flags": f"-march=native {INLINE_FLAGS}",
        "block_dim": BLOCK_DIM,
    }
)


@wp.kernel
def act_kernel(
    strategy: Strategy,
    window: Window,
    observations: wp.array2d(dtype=wp.vec3ub),
    # state in
    boards_before: wp.array3d(dtype=wp.int64),
    energy_before: wp.array(dtype=wp.int16),
    path_not_found_before: wp.array(dtype=wp.bool),
    fully_explored_before: wp.array(dtype=wp.bool),
    wait_steps_before: wp.array(dtype=wp.int16),
    activity_before: wp.array(dtype=wp.int16),
    carrier_before: wp.array(dtype=wp.int16),
    team_stock_before: wp.array(dtype=wp.int16),
    trip_steps_before: wp.array(dtype=wp.int16),
    meeting_steps_before: wp.array(dtype=wp.int16),
    seeds_before: wp.array(dtype=wp.int64),
    step_before: wp.array(dtype=wp.int64),
    # state out
    boards_after: wp.array3d(dtype=wp.int64),
    energy_after: wp.array(dtype=wp.int16),
    path_not_found_after: wp.array(dtype=wp.bool),
    fully_explored_after: wp.array(dtype=wp.bool),
    wait_steps_after: wp.array(dtype=wp.int16),
    activity_after: wp.array(dtype=wp.int16),
    carrier_after: wp.array(dtype=wp.int16),
    team_stock_after: wp.array(dtype=wp.int16),
    trip_steps_after: wp.array(dtype=wp.int16),
    meeting_steps_after: wp.array(dtype=wp.int16),
    seeds_after: wp.array(dtype=wp.int64),
    step_after: wp.array(dtype=wp.int64),
    # scratch memory
    views: wp.array3d(dtype=wp.uint8),
    scratches: wp.array3d(dtype=wp.int64),
    # actions out
    actions: wp.array(dtype=wp.int64),
):
    """Choose the action of one row; dim = N.

    `views` is uint8 [N, planes, P], filled with zeros; `scratches` is int64 [N, 5 + 4 + B, SIDE].
    """
    n = wp.tid()
    view, scratch, boards = views[n], scratches[n], boards_after[n]
    agents, ring, passable = scratch[AGENTS], scratch[RING], scratch[PASSABLE]
    goals, targets, observed = scratch[GOALS], scratch[TARGETS], scratch[OBSERVED:]
    path_not_found = path_not_found_before[n]

    # random numbers
    counter = wp.int64(2) * step_before[n]
    u_direction = uniform(seeds_before[n], counter)
    u_behavior = uniform(seeds_before[n], counter + wp.int64(1))

    # map: observation to planes to bitboards, merged with the remembered map
    add_tokens_to_planes(window, observations[n], view)
    energy = read_plane_at_agent_cell(window, view, ENERGY)
    rasterize_window(
        strategy,
        window,
        view,
        find_distance_rank_of_last_token(window, observations[n]),
        observed,
        agents,
    )
    old_boards = boards_before[n]
    update_map(strategy, window, view, observed, agents, int(energy_before[n]), old_boards, boards)
    kinds_on_map_mask = find_station_kind_mask(boards)

    # team: agents in view, and what the agent remembers of all
    write_cells_around_assemblers(strategy, boards, kinds_on_map_mask, ring)
    team = Team()
    if not strategy.solo_assembly:
        write_meeting_area(strategy, ring, goals, targets)
        team = observe_team(strategy, window, view, agents, targets)
    memory = AgentMemory()
    memory.carrier = int(carrier_before[n])
    if step_before[n] == wp.int64(0):
        memory.carrier = carrier_by_starting_side(strategy, boards)
    memory.team_stock = int(team_stock_before[n])
    memory.meeting_steps = int(meeting_steps_before[n])
    memory.trip_steps = int(trip_steps_before[n])
    memory.last_activity = int(activity_before[n])
    memory.steps_left = strategy.max_steps - int(step_before[n])
    memory.fully_explored = fully_explored_before[n]
    memory.stays_away = u_behavior >= RETURN_PROBABILITY
    memory = update_memory_from_visible_team(strategy, team, memory)

    # goal: the most urgent activity
    goal = choose_goal(
        strategy, window, view, boards, kinds_on_map_mask, team, memory, ring, agents
    )

    # goal cells: the cells to be on, and the moves that use a target station
    write_passable_cells(
        strategy, goal, boards, kinds_on_map_mask, ring, agents, path_not_found, passable
    )
    write_explore_or_wait_cells(goal, boards, ring, goals)
    if goal.activity == EXPLORE:
        keep_cells_near_first_assembler(boards, strategy.assemblers & kinds_on_map_mask, goals)
    at_source = bool(False)
    if goal.activity == FOLLOW:
        at_source = write_leader_cells_and_check_at_station(strategy, boards, team, targets, goals)
    if goal.activity == HELP:
        write_gear_helper_cells(strategy, boards, kinds_on_map_mask, goals)
    arrived = add_use_cells_and_find_moves_using_now(strategy, goal, boards, targets, goals)
    # an agent on a goal cell stays there, so the cell is no goal of others
    for row in range(SIDE):
        goals[row] &= ~agents[row]
    if has_places_filled_in_order(strategy, goal, at_source) and not path_not_found:
        keep_cells_farthest_from_chest(boards, strategy.heart_chests & kinds_on_map_mask, goals)
        if not is_set(goals, 0, 0):
            arrived = int(0)

    # shortest path: set of first moves; known ways come before unseen cells
    is_on_goal = is_set(goals, 0, 0) and is_set(passable, 0, 0)
    moves = int(0)
    if goal.activity != EXPLORE:
        known_ways = observed[0]
        for row in range(SIDE):
            targets[row] = goals[row]
            known_ways[row] = passable[row] & boards[SEEN, row]
        moves = shortest_path_move_mask(arrived, targets, known_ways)
    if moves == 0:
        moves = shortest_path_move_mask(arrived, goals, passable)
    has_path = moves != 0

    # random moves: hesitation and sidesteps resolve deadlocks between adjacent agents
    is_waiting = is_on_goal and (
        goal.activity == WAIT or goal.activity == FOLLOW or goal.activity == HELP
    )
    has_place = (goal.activity == FOLLOW and at_source) or goal.activity == HELP
    is_idle = not has_path or is_waiting
    is_crowded = find_move_mask_onto(agents) != 0
    sidestep = is_idle and is_crowded and u_behavior < SIDESTEP_PROBABILITY
    if is_waiting and has_place:
        sidestep = False
    if sidestep:
        moves = find_move_mask_onto(passable)
    direction = pick_random_move(moves, u_direction)

    # noop: idle, hesitating, out of energy, station on cooldown, or waiting for a team
    noop = is_crowded and u_behavior < hesitate_probability(window, view, goal)
    if is_idle:
        noop = not sidestep
    if energy < strategy.move_energy or moves == 0:
        noop = True
    if is_set(boards[COOLING], row_change(direction), column_change(direction)):
        noop = True
    wait_steps = int(wait_steps_before[n])
    lacks_team = 1 + count_agents_around_destination(
        agents, direction
    ) < find_wanted_team_size_around_station(
        strategy, goal, team, boards, targets, arrived, direction
    )
    if lacks_team and wait_steps < strategy.wait_limit:
        noop = True
    if goal.activity == MAKE and arrived != 0 and not strategy.solo_assembly:
        noop = (
            noop
            or is_other_agent_at_gear_making_cell(strategy, boards, ring, agents) != goal.makes_gear
        )

    # outputs
    actions[n] = wp.int64(direction + 1)
    if noop:
        actions[n] = wp.int64(0)
    if (
        read_plane_at_agent_cell(window, view, GLYPH) != goal.glyph
        and goal.glyph < strategy.num_glyphs
    ):
        actions[n] = wp.int64(GLYPH_ACTION + goal.glyph)
    energy_after[n] = wp.int16(energy)
    path_not_found_after[n] = not has_path
    fully_explored_after[n] = (memory.fully_explored and u_behavior >= RETRY_PROBABILITY) or (
        goal.activity == EXPLORE and not has_path and path_not_found
    )
    wait_steps_after[n] = wp.int16(0)
    if lacks_team:
        wait_steps_after[n] = wp.int16(wait_steps + 1)
    activity_after[n] = wp.int16(goal.activity)
    carrier_after[n] = wp.int16(memory.carrier)
    team_stock_after[n] = wp.int16(memory.team_stock)
    trip_steps_after[n] = wp.int16(memory.trip_steps)
    meeting_steps_after[n] = wp.int16(memory.meeting_steps)
    seeds_after[n] = seeds_before[n]
    step_after[n] = step_before[n] + wp.int64(1)


@wp.func
def uniform(seed: wp.int64, counter: wp.int64) -> float:
    """Return the uniform number of `daf.policies.chance.uniform`."""
    bits = murmur3_finalizer(
        murmur3_finalizer(wp.uint32(seed)) ^ (wp.uint32(counter) * FIRST_FACTOR)
    )
    return float(bits >> wp.uint32(8)) * 5.9604644775390625e-08
