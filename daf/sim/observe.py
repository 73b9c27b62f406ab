"""Observations: what each agent sees, as the engine's tokens (location, feature, value)."""

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
"""Names of the features by id; the inventory features follow, one per resource."""

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
    look: wp.array(dtype=wp.vec3ub),
    n: int,
    feature: int,
    value: int,
    present: bool,
) -> int:
    """Write token number `n` of a look; returns the number of the next one.

    A token that is not present is written too, and overwritten by the next: cheaper than a branch
    that cannot be foreseen.
    """
    look[n] = wp.vec3ub(wp.uint8(0), wp.uint8(feature), wp.uint8(value & 255))
    return n + int(present)


@wp.kernel
def write_agent_tokens(
    t: Tables,
    worlds: Worlds,
    looks: wp.array3d(dtype=wp.vec3ub),
    look_size: wp.array2d(dtype=wp.int32),
):
    """Write how each agent looks, [E, A, LOOK_TOKENS], and of how many tokens that is, [E, A].

    A look is an object's tokens without their place. That of an agent is written once and copied
    into every window that the agent is in. One thread is one agent.
    """
    world, agent = wp.tid()
    look = looks[world, agent]
    n = append_token(look, 0, TYPE_ID, 0, True)
    n = append_token(look, n, GROUP, 0, True)
    n = append_token(look, n, FROZEN, 0, True)
    n = append_token(look, n, ORIENTATION, int(worlds.orientation[world, agent]), True)
    glyph = int(worlds.glyph[world, agent])
    n = append_token(look, n, GLYPH, glyph, glyph > 0)
    for resource in range(NUM_RESOURCES):
        amount = int(worlds.inventory[world, agent, resource])
        n = append_token(look, n, FIRST_INVENTORY + resource, amount, amount > 0)
    look_size[world, agent] = n


@wp.func
def pack_token(feature: int, value: int, n: int) -> wp.uint64:
    """Token number `n` of a look of at most four in one word."""
    return wp.uint64(feature | (value & 255) << 8) << wp.uint64(16 * n)


@wp.func
def emit_station(
    t: Tables,
    worlds: Worlds,
    world: int,
    station: int,
    kind: int,
    rank: int,
    tokens: wp.array(dtype=wp.vec3ub),
    start: int,
    lane: int,
) -> int:
    look = pack_token(TYPE_ID, t.type_id[kind], 0)
    n = int(1)
    if t.station_kind[kind] == CHEST_KIND:
        stock = worlds.stock[world, station]
        if stock > 0:
            look |= pack_token(FIRST_INVENTORY + t.chest_resource[kind], stock, 1)
            n = 2
    else:
        end = wp.uint32(worlds.cooldown_end[world, station])
        now = wp.uint32(worlds.now[world])
        if end > now:
            look |= pack_token(COOLDOWN, int(wp.min(end - now, wp.uint32(255))), n)
            n += 1
        if worlds.repair[world, station] != NO_RECIPE:
            look |= pack_token(CLIPPED, 1, n)
            n += 1
        if t.max_uses[kind] > 0:
            left = wp.max(t.max_uses[kind] - worlds.uses[world, station], 0)
            look |= pack_token(REMAINING_USES, wp.min(left, 255), n)
            n += 1
    return write_packed_tokens(look, n, t.window_location[rank], tokens, start, lane)


@wp.func
def emit_agent(
    t: Tables,
    looks: wp.array3d(dtype=wp.vec3ub),
    look_size: wp.array2d(dtype=wp.int32),
    world: int,
    agent: int,
    rank: int,
    tokens: wp.array(dtype=wp.vec3ub),
    start: int,
    lane: int,
) -> int:
    size = look_size[world, agent]
    return copy_object_tokens(
        looks[world, agent], size, t.window_location[rank], tokens, start, lane
    )


@wp.func
def rounded_byte(x: float) -> int:
    """The low byte of the nearest whole number, halves away from zero."""
    return int(wp.int64(wp.round(x)) & wp.int64(255))


@wp.func
def emit_global_tokens(
    t: Tables,
    worlds: Worlds,
    world: int,
    agent: int,
    tokens: wp.array(dtype=wp.vec3ub),
    lane: int,
) -> int:
    """The agent's four global tokens. The reward shown is the failure penalty alone: the engine
    pays for statistics only after it has written the observations (RULES 3)."""
    completion = int(0)
    if t.max_steps > 0:
        completion = rounded_byte(float(worlds.now[world]) / float(t.max_steps) * 255.0)
    reward = int(0)
    if not worlds.success[world, agent]:
        reward = rounded_byte(-t.failure_penalty * 100.0)
    look = pack_token(EPISODE_COMPLETION, completion, 0)
    look |= pack_token(LAST_ACTION, worlds.verb[world, agent], 1)
    look |= pack_token(LAST_ARGUMENT, worlds.argument[world, agent], 2)
    look |= pack_token(LAST_REWARD, reward, 3)
    return write_packed_tokens(look, 4, t.window_location[0], tokens, 0, lane)


@wp.func
def rank_of(t: Tables, step: int) -> int:
    """The rank in the window of the cell that is `step` cells behind its centre, -1 outside."""
    i = step + t.rank_by_offset.shape[0] / 2
    if i < 0 or i >= t.rank_by_offset.shape[0]:
        return -1
    return int(t.rank_by_offset[i])


@wp.kernel
def observe(
    t: Tables,
    worlds: Worlds,
    looks: wp.array3d(dtype=wp.vec3ub),
    look_size: wp.array2d(dtype=wp.int32),
    chosen: wp.array(dtype=wp.bool),
    observations: wp.array3d(dtype=wp.vec3ub),
):
    """Write the tokens of every agent, [E, A, T]; one thread, on CUDA one warp, is one agent.

    What is in a window is found by rank, without a look at its cells: walls and stations never
    move, so that each cell has masks of them; agents are added to the mask of the stations by
    where they stand. Between the objects so found lie runs of walls, which are copied.

    Worlds that are not chosen keep their tokens; an empty `chosen` means all worlds.
    """
    world, agent, lane = wp.tid()
    if chosen.shape[0] > 0:
        if not chosen[world]:
            return
    tokens = observations[world, agent]
    here = worlds.cell[world, agent]
    layout = worlds.layout[world]
    view = int(t.visible_stations[layout, here, t.wall_mask.shape[1]])
    walls_seen = t.wall_tokens[view]
    n = emit_global_tokens(t, worlds, world, agent, tokens, lane)
    n = emit_agent(t, looks, look_size, world, agent, 0, tokens, n, lane)
    walls_put = int(0)
    walls_before = int(0)
    for k in range(t.wall_mask.shape[1]):
        walls = wp.uint64(t.wall_mask[view, k])
        stations = wp.uint64(t.visible_stations[layout, here, k])
        objects = stations
        for other in range(t.num_agents):
            rank = rank_of(t, worlds.cell[world, other] - here)
            if rank >> 6 == k and rank > 0:
                objects |= wp.uint64(1) << wp.uint64(rank & 63)
        while objects != wp.uint64(0):
            bit = objects & (wp.uint64(0) - objects)
            before = bit - wp.uint64(1)
            objects ^= bit
            up_to = walls_before + count_bits(walls & before)
            n = copy_tokens(walls_seen, walls_put, up_to - walls_put, tokens, n, lane)
            walls_put = up_to
            rank = 64 * k + count_bits(before)
            cell = here + t.window_offset[rank]
            if stations & bit != wp.uint64(0):
                code = t.station_at[layout, cell]
                kind = code >> STATION_TYPE_SHIFT
                station = code & STATION_MASK
                n = emit_station(t, worlds, world, station, kind, rank, tokens, n, lane)
            else:
                other = int(worlds.grid[world, cell]) - t.first_agent
                n = emit_agent(t, looks, look_size, world, other, rank, tokens, n, lane)
        walls_before += count_bits(walls)
    n = copy_tokens(walls_seen, walls_put, walls_before - walls_put, tokens, n, lane)
    clear_tail(tokens, n, worlds.token_count[world, agent], lane)
    worlds.token_count[world, agent] = n
