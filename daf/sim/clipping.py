"""Rules of clipping: stations break at random, more often near clipped stations."""

import warp as wp

from daf.sim.counters import CLIPS
from daf.sim.random import STREAM_CLIP, random_word, uniform_below, unit_float
from daf.sim.state import Worlds
from daf.sim.tables.codes import NO_RECIPE
from daf.sim.tables.struct import Tables


@wp.func
def draw_random_word_for_clipping(tables: Tables, worlds: Worlds, world: int) -> wp.uint32:
    """Return the next random word of the clipper of a world.

    Replays of the reference engine pass its words in `clip_words`; otherwise the word is a hash.
    """
    cursor = worlds.clip_cursor[world]
    worlds.clip_cursor[world] = cursor + 1
    if tables.clip_words.shape[0] > 0:
        return wp.uint32(tables.clip_words[cursor])
    return random_word(worlds.world_seed[world], STREAM_CLIP, cursor)


@wp.func
def draw_random_int_below_for_clipping(
    tables: Tables, worlds: Worlds, world: int, upper: int
) -> int:
    """Draw an integer in [0, upper) without bias.

    Low products are rejected, as in the reference engine.
    """
    bits = draw_random_word_for_clipping(tables, worlds, world)
    threshold = (wp.uint32(0) - wp.uint32(upper)) % wp.uint32(upper)
    while bits * wp.uint32(upper) < threshold:
        bits = draw_random_word_for_clipping(tables, worlds, world)
    return uniform_below(bits, upper)


@wp.func
def add_spread_to_all_clip_weights(
    tables: Tables, worlds: Worlds, world: int, spreading_station: int, sign: float
):
    """Add `sign` times the spread of one station to the clip weights of all stations."""
    layout = worlds.layout[world]
    for neighbor in range(tables.num_stations):
        added = sign * tables.spread[layout, spreading_station, neighbor]
        worlds.clip_weight[world, neighbor] = worlds.clip_weight[world, neighbor] + added


@wp.func
def clip_station(
    tables: Tables,
    worlds: Worlds,
    world: int,
    station: int,
    current_step: int,
):
    """Break a station until its repair; the reference engine calls this clipping.

    The repair recipe is drawn, and the cooldown ends at `current_step`. The uses do not change.
    """
    repair = draw_random_int_below_for_clipping(tables, worlds, world, tables.num_repairs)
    worlds.repair[world, station] = repair
    worlds.cooldown_end[world, station] = current_step
    worlds.cooldown_duration[world, station] = 0


@wp.func
def clip_random_station_at_clip_rate(tables: Tables, worlds: Worlds, world: int, current_step: int):
    """Clip one station with probability `clip_rate`.

    The station is drawn in proportion to the clip weights. Without weights it is the first one.
    """
    if tables.clip_rate <= 0.0:
        return
    if unit_float(draw_random_word_for_clipping(tables, worlds, world)) >= tables.clip_rate:
        return
    layout = worlds.layout[world]
    total = float(0.0)
    for k in range(tables.clip_order.shape[1]):
        station = tables.clip_order[layout, k]
        if worlds.repair[world, station] == NO_RECIPE:
            total += worlds.clip_weight[world, station]
    remaining = unit_float(draw_random_word_for_clipping(tables, worlds, world)) * total
    for k in range(tables.clip_order.shape[1]):
        station = tables.clip_order[layout, k]
        if worlds.repair[world, station] == NO_RECIPE:
            remaining -= worlds.clip_weight[world, station]
            if remaining <= 0.0:
                clip_station(tables, worlds, world, station, current_step)
                add_spread_to_all_clip_weights(tables, worlds, world, station, 1.0)
                worlds.counters[world, CLIPS] = worlds.counters[world, CLIPS] + 1
                return
