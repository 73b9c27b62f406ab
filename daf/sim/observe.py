"""Observations: what each agent sees, as the engine's tokens (location, feature, value)."""

import warp as wp

from daf.sim.state import Worlds
from daf.sim.tables import (
    CHEST_KIND,
    FIRST_STATION,
    NO_RECIPE,
    NUM_RESOURCES,
    WALL_CODE,
    Tables,
)

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

WALL_TYPE = wp.constant(1)
NO_TOKEN = wp.constant(255)


@wp.func
def put(
    tokens: wp.array(dtype=wp.vec3ub), n: int, place: wp.uint8, feature: int, value: int
) -> int:
    """Write token number `n` unless the row is full; returns the number of the next one."""
    if n < tokens.shape[0]:
        tokens[n] = wp.vec3ub(place, wp.uint8(feature), wp.uint8(value & 255))
        return n + 1
    return n


@wp.func
def put_agent(
    t: Tables,
    worlds: Worlds,
    world: int,
    agent: int,
    tokens: wp.array(dtype=wp.vec3ub),
    n: int,
    place: wp.uint8,
) -> int:
    n = put(tokens, n, place, TYPE_ID, 0)
    n = put(tokens, n, place, GROUP, 0)
    n = put(tokens, n, place, FROZEN, 0)
    n = put(tokens, n, place, ORIENTATION, int(worlds.orientation[world, agent]))
    glyph = int(worlds.glyph[world, agent])
    if glyph > 0:
        n = put(tokens, n, place, GLYPH, glyph)
    for resource in range(NUM_RESOURCES):
        amount = int(worlds.inventory[world, agent, resource])
        if amount > 0:
            n = put(tokens, n, place, FIRST_INVENTORY + resource, amount)
    return n


@wp.func
def put_station(
    t: Tables,
    worlds: Worlds,
    world: int,
    station: int,
    tokens: wp.array(dtype=wp.vec3ub),
    n: int,
    place: wp.uint8,
) -> int:
    kind = t.station_type[station]
    n = put(tokens, n, place, TYPE_ID, t.type_id[kind])
    if t.kind[kind] == CHEST_KIND:
        stock = worlds.stock[world, station]
        if stock > 0:
            n = put(tokens, n, place, FIRST_INVENTORY + t.chest_resource[kind], stock)
        return n
    remaining = worlds.cooldown_end[world, station] - worlds.now[world]
    if remaining > 0:
        n = put(tokens, n, place, COOLDOWN, wp.min(remaining, 255))
    if worlds.repair[world, station] != NO_RECIPE:
        n = put(tokens, n, place, CLIPPED, 1)
    if t.max_uses[kind] > 0:
        left = wp.max(t.max_uses[kind] - worlds.uses[world, station], 0)
        n = put(tokens, n, place, REMAINING_USES, left)
    return n


@wp.func
def half_away_from_zero(x: float) -> int:
    if x < 0.0:
        return -int(wp.floor(0.5 - x))
    return int(wp.floor(x + 0.5))


@wp.func
def put_own(
    t: Tables,
    worlds: Worlds,
    world: int,
    agent: int,
    tokens: wp.array(dtype=wp.vec3ub),
    place: wp.uint8,
) -> int:
    """The agent's four global tokens. The reward shown is the failure penalty alone: the engine
    pays for statistics only after it has written the observations (RULES 3)."""
    completion = int(0)
    if t.max_steps > 0:
        completion = half_away_from_zero(float(worlds.now[world]) / float(t.max_steps) * 255.0)
    reward = int(0)
    if not worlds.success[world, agent]:
        reward = half_away_from_zero(-t.failure_penalty * 100.0)
    n = put(tokens, 0, place, EPISODE_COMPLETION, completion)
    n = put(tokens, n, place, LAST_ACTION, worlds.verb[world, agent])
    n = put(tokens, n, place, LAST_ARGUMENT, worlds.argument[world, agent])
    return put(tokens, n, place, LAST_REWARD, reward)


@wp.kernel
def observe(
    t: Tables,
    worlds: Worlds,
    chosen: wp.array(dtype=wp.bool),
    observations: wp.array3d(dtype=wp.vec3ub),
):
    """Write the tokens of one agent, [E, A, T]; one thread is one agent.

    Worlds that are not chosen keep theirs; an empty `chosen` means all worlds.
    """
    world, agent = wp.tid()
    if chosen.shape[0] > 0:
        if not chosen[world]:
            return
    tokens = observations[world, agent]
    n = put_own(t, worlds, world, agent, tokens, wp.uint8(t.centre))
    here = worlds.cell[world, agent]
    for i in range(t.window_offset.shape[0]):
        code = int(worlds.grid[world, here + t.window_offset[i]])
        if code > 0:
            place = t.window_location[i]
            if code == WALL_CODE:
                n = put(tokens, n, place, TYPE_ID, WALL_TYPE)
            elif code >= t.first_agent:
                n = put_agent(t, worlds, world, code - t.first_agent, tokens, n, place)
            else:
                n = put_station(t, worlds, world, code - FIRST_STATION, tokens, n, place)
    # Behind the tokens of the last observation the row is empty already.
    empty = wp.vec3ub(wp.uint8(NO_TOKEN), wp.uint8(NO_TOKEN), wp.uint8(NO_TOKEN))
    for i in range(n, worlds.token_count[world, agent]):
        tokens[i] = empty
    worlds.token_count[world, agent] = n
