"""Observation kernels: write the tokens (location, feature, value) of every agent.

Shapes use the letters E (worlds), A (agents), T (tokens of an observation). `lane` is the index of
a thread in its CUDA warp, 0 on the CPU. `num_written` is the number of tokens already in the row.
"""

import warp as wp

from daf.sim.bits import count_bits
from daf.sim.state import Worlds
from daf.sim.tables.codes import (
    CHEST_KIND,
    NO_RECIPE,
    NUM_RESOURCES,
    STATION_MASK,
    STATION_TYPE_SHIFT,
)
from daf.sim.tables.struct import Tables
from daf.sim.token_copies import clear_tail, copy_object_tokens, copy_tokens, write_packed_tokens

wp.set_module_options({"enable_backward": False, "fuse_fp": False})

FEATURES = (
    "type_id",
    "group",
    "frozen",
    "orientation",
    "reserved",
    "converting",
    "swappable",
    "episode_completion",
    "last_action",
    "last_argument",
    "last_reward",
    "glyph",
    "visitation",
    "tag",
    "cooldown",
    "clipped",
    "remaining_uses",
)
"""Names of the features by id. One inventory feature per resource follows."""

TYPE_ID = wp.constant(FEATURES.index("type_id"))
GROUP = wp.constant(FEATURES.index("group"))
FROZEN = wp.constant(FEATURES.index("frozen"))
ORIENTATION = wp.constant(FEATURES.index("orientation"))
EPISODE_COMPLETION = wp.constant(FEATURES.index("episode_completion"))
LAST_ACTION = wp.constant(FEATURES.index("last_action"))
LAST_ARGUMENT = wp.constant(FEATURES.index("last_argument"))
LAST_REWARD = wp.constant(FEATURES.index("last_reward"))
GLYPH = wp.constant(FEATURES.index("glyph"))
COOLDOWN = wp.constant(FEATURES.index("cooldown"))
CLIPPED = wp.constant(FEATURES.index("clipped"))
REMAINING_USES = wp.constant(FEATURES.index("remaining_uses"))
FIRST_INVENTORY = wp.constant(len(FEATURES))


@wp.func
def append_token(
    object_tokens: wp.array(dtype=wp.vec3ub),
    num_tokens: int,
    feature: int,
    value: int,
    is_present: bool,
) -> int:
    """Append a token if it is present, and return the new number of tokens.

    An absent token is written too, and the next one overwrites it. This is faster than a branch
    that the processor cannot predict.
    """
    object_tokens[num_tokens] = wp.vec3ub(wp.uint8(0), wp.uint8(feature), wp.uint8(value & 255))
    return num_tokens + int(is_present)


@wp.kernel
def write_tokens_describing_agents(
    tables: Tables,
    worlds: Worlds,
    agent_tokens: wp.array3d(dtype=wp.vec3ub),
    agent_token_count: wp.array2d(dtype=wp.int32),
):
    """Write the tokens that describe each agent, without their location; dim = (E, A).

    They are written once per step and copied into every window that contains the agent.

    Args:
        tables: tables of the mission.
        worlds: states of the worlds.
        agent_tokens: uint8 [E, A, MAX_OBJECT_TOKENS, 3], output.
        agent_token_count: int32 [E, A], output.
    """
    world, agent = wp.tid()
    object_tokens = agent_tokens[world, agent]
    n = append_token(object_tokens, 0, TYPE_ID, 0, True)
    n = append_token(object_tokens, n, GROUP, 0, True)
    n = append_token(object_tokens, n, FROZEN, 0, True)
    n = append_token(object_tokens, n, ORIENTATION, int(worlds.orientation[world, agent]), True)
    glyph = int(worlds.glyph[world, agent])
    n = append_token(object_tokens, n, GLYPH, glyph, glyph > 0)
    for resource in range(NUM_RESOURCES):
        amount = int(worlds.inventory[world, agent, resource])
        n = append_token(object_tokens, n, FIRST_INVENTORY + resource, amount, amount > 0)
    agent_token_count[world, agent] = n


@wp.func
def shift_token_to_slot(feature: int, value: int, word_slot: int) -> wp.uint64:
    """Return a token shifted to slot 0 to 3 of a word: bits 16 slot to 16 slot + 15."""
    return wp.uint64(feature | (value & 255) << 8) << wp.uint64(16 * word_slot)


@wp.func
def write_station_tokens(
    tables: Tables,
    worlds: Worlds,
    world: int,
    station: int,
    station_type: int,
    token_order_rank: int,
    tokens: wp.array(dtype=wp.vec3ub),
    num_written: int,
    cuda_lane: int,
) -> int:
    """Write the tokens of a station at `token_order_rank`; return the new number of tokens."""
    packed = shift_token_to_slot(TYPE_ID, tables.type_id[station_type], 0)
    n = int(1)
    if tables.station_kind[station_type] == CHEST_KIND:
        stock = worlds.stock[world, station]
        if stock > 0:
            inventory_feature = FIRST_INVENTORY + tables.chest_resource[station_type]
            packed |= shift_token_to_slot(inventory_feature, stock, 1)
            n = 2
    else:
        end = wp.uint32(worlds.cooldown_end[world, station])
        now = wp.uint32(worlds.now[world])
        if end > now:
            packed |= shift_token_to_slot(COOLDOWN, int(wp.min(end - now, wp.uint32(255))), n)
            n += 1
        if worlds.repair[world, station] != NO_RECIPE:
            packed |= shift_token_to_slot(CLIPPED, 1, n)
            n += 1
        if tables.max_uses[station_type] > 0:
            remaining = wp.max(tables.max_uses[station_type] - worlds.uses[world, station], 0)
            packed |= shift_token_to_slot(REMAINING_USES, wp.min(remaining, 255), n)
            n += 1
    location = tables.window_location[token_order_rank]
    return write_packed_tokens(packed, n, location, tokens, num_written, cuda_lane)


@wp.func
def copy_agent_tokens(
    tables: Tables,
    agent_tokens: wp.array3d(dtype=wp.vec3ub),
    agent_token_count: wp.array2d(dtype=wp.int32),
    world: int,
    agent: int,
    token_order_rank: int,
    tokens: wp.array(dtype=wp.vec3ub),
    num_written: int,
    cuda_lane: int,
) -> int:
    """Copy the tokens of an agent at `token_order_rank`; return the new number of tokens."""
    source = agent_tokens[world, agent]
    n = agent_token_count[world, agent]
    location = tables.window_location[token_order_rank]
    return copy_object_tokens(source, n, location, tokens, num_written, cuda_lane)


@wp.func
def round_modulo_256(x: float) -> int:
    """Return the nearest integer modulo 256; halves round away from 0."""
    return int(wp.int64(wp.round(x)) & wp.int64(255))


@wp.func
def write_global_tokens(
    tables: Tables,
    worlds: Worlds,
    world: int,
    agent: int,
    tokens: wp.array(dtype=wp.vec3ub),
    cuda_lane: int,
) -> int:
    """Write the 4 global tokens of an agent and return 4.

    The reward token contains the failure penalty only: the reference engine pays the rewards of
    statistics after it writes the observations.
    """
    completion = int(0)
    if tables.max_steps > 0:
        completion = round_modulo_256(float(worlds.now[world]) / float(tables.max_steps) * 255.0)
    reward = int(0)
    if not worlds.success[world, agent]:
        reward = round_modulo_256(-tables.failure_penalty * 100.0)
    packed = shift_token_to_slot(EPISODE_COMPLETION, completion, 0)
    packed |= shift_token_to_slot(LAST_ACTION, worlds.verb[world, agent], 1)
    packed |= shift_token_to_slot(LAST_ARGUMENT, worlds.argument[world, agent], 2)
    packed |= shift_token_to_slot(LAST_REWARD, reward, 3)
    return write_packed_tokens(packed, 4, tables.window_location[0], tokens, 0, cuda_lane)


@wp.func
def find_rank_in_token_order(tables: Tables, cell_offset: int) -> int:
    """Return the window rank of a cell, -1 outside the window.

    Args:
        tables: tables of the mission.
        cell_offset: index of the cell in the padded grid minus that of the agent's cell.
    """
    index = cell_offset + tables.token_order_rank_by_offset.shape[0] / 2
    if index < 0 or index >= tables.token_order_rank_by_offset.shape[0]:
        return -1
    return int(tables.token_order_rank_by_offset[index])


@wp.kernel
def write_observations(
    tables: Tables,
    worlds: Worlds,
    agent_tokens: wp.array3d(dtype=wp.vec3ub),
    agent_token_count: wp.array2d(dtype=wp.int32),
    world_mask: wp.array(dtype=wp.bool),
    observations: wp.array3d(dtype=wp.vec3ub),
):
    """Write the tokens of every agent; dim = (E, A, lanes): a CPU thread or CUDA warp per agent.

    A window is a sequence of cells by rank. Walls and stations never move, so every cell has
    precomputed bit masks of their ranks, 64 ranks per word. The kernel adds the agents to the
    masks, iterates over the objects, and copies the wall tokens between them in runs.

    Args:
        tables: tables of the mission.
        worlds: states of the worlds.
        agent_tokens: uint8 [E, A, MAX_OBJECT_TOKENS, 3], from `write_tokens_describing_agents`.
        agent_token_count: int32 [E, A], number of these tokens.
        world_mask: bool [E], worlds to observe; empty for all worlds.
        observations: uint8 [E, A, T, 3], output.
    """
    world, agent, lane = wp.tid()
    if world_mask.shape[0] > 0:
        if not world_mask[world]:
            return
    tokens = observations[world, agent]
    agent_cell = worlds.cell[world, agent]
    layout = worlds.layout[world]
    view_id = int(tables.visible_stations[layout, agent_cell, tables.wall_mask.shape[1]])
    wall_tokens = tables.wall_tokens[view_id]
    # global tokens and the observing agent, at the center of the window
    n = write_global_tokens(tables, worlds, world, agent, tokens, lane)
    n = copy_agent_tokens(tables, agent_tokens, agent_token_count, world, agent, 0, tokens, n, lane)
    walls_copied = int(0)
    walls_before = int(0)
    for word in range(tables.wall_mask.shape[1]):
        walls = wp.uint64(tables.wall_mask[view_id, word])
        stations = wp.uint64(tables.visible_stations[layout, agent_cell, word])
        # objects of this word: stations, and agents by the rank of their cells
        objects = stations
        for other_agent in range(tables.num_agents):
            rank = find_rank_in_token_order(tables, worlds.cell[world, other_agent] - agent_cell)
            if rank >> 6 == word and rank > 0:
                objects |= wp.uint64(1) << wp.uint64(rank & 63)
        while objects != wp.uint64(0):
            bit = objects & (wp.uint64(0) - objects)
            lower_bits = bit - wp.uint64(1)
            objects ^= bit
            # walls between the previous object and this one
            walls_before_object = walls_before + count_bits(walls & lower_bits)
            n = copy_tokens(
                wall_tokens, walls_copied, walls_before_object - walls_copied, tokens, n, lane
            )
            walls_copied = walls_before_object
            # the object at this rank
            rank = 64 * word + count_bits(lower_bits)
            cell = agent_cell + tables.window_offset[rank]
            if stations & bit != wp.uint64(0):
                code = tables.station_at[layout, cell]
                station_type = code >> STATION_TYPE_SHIFT
                station = code & STATION_MASK
                n = write_station_tokens(
                    tables, worlds, world, station, station_type, rank, tokens, n, lane
                )
            else:
                other_agent = int(worlds.grid[world, cell]) - tables.first_agent
                n = copy_agent_tokens(
                    tables,
                    agent_tokens,
                    agent_token_count,
                    world,
                    other_agent,
                    rank,
                    tokens,
                    n,
                    lane,
                )
        walls_before += count_bits(walls)
    # walls after the last object; then empty the tokens of the previous step
    n = copy_tokens(wall_tokens, walls_copied, walls_before - walls_copied, tokens, n, lane)
    clear_tail(tokens, n, worlds.token_count[world, agent], lane)
    worlds.token_count[world, agent] = n
