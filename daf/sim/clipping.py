"""Clipping: stations break down, breaking spreads by distance, gear repairs them."""

import warp as wp

from daf.sim.counters import CLIPS
from daf.sim.random import STREAM_CLIP, random_word, uniform_below, unit_float
from daf.sim.state import Worlds
from daf.sim.tables.codes import NO_RECIPE
from daf.sim.tables.struct import Tables


@wp.func
def next_random_word(t: Tables, worlds: Worlds, world: int) -> wp.uint32:
    """The world's next random word for clipping: of `clip_words` if there are any, else hashed."""
    cursor = worlds.clip_cursor[world]
    worlds.clip_cursor[world] = cursor + 1
    if t.clip_words.shape[0] > 0:
        return wp.uint32(t.clip_words[cursor])
    return random_word(worlds.world_seed[world], STREAM_CLIP, cursor)


@wp.func
def random_below(t: Tables, worlds: Worlds, world: int, n: int) -> int:
    """Uniform in [0, n) without bias: low products are drawn again, as the engine does."""
    bits = next_random_word(t, worlds, world)
    threshold = (wp.uint32(0) - wp.uint32(n)) % wp.uint32(n)
    while bits * wp.uint32(n) < threshold:
        bits = next_random_word(t, worlds, world)
    return uniform_below(bits, n)


@wp.func
def add_clip_weight(t: Tables, worlds: Worlds, world: int, station: int, sign: float):
    layout = worlds.layout[world]
    for other in range(t.num_stations):
        added = sign * t.spread[layout, station, other]
        worlds.clip_weight[world, other] = worlds.clip_weight[world, other] + added


@wp.func
def clip_station(
    t: Tables,
    worlds: Worlds,
    world: int,
    station: int,
    now: int,
):
    """The station is clipped; a running cooldown is lost, uses stay."""
    repair = random_below(t, worlds, world, t.num_repairs)
    worlds.repair[world, station] = repair
    worlds.cooldown_end[world, station] = now
    worlds.cooldown_duration[world, station] = 0


@wp.func
def maybe_clip(t: Tables, worlds: Worlds, world: int, now: int):
    """With probability `clip_rate` one station is clipped, likelier near clipped ones."""
    if t.clip_rate <= 0.0:
        return
    if unit_float(next_random_word(t, worlds, world)) >= t.clip_rate:
        return
    layout = worlds.layout[world]
    total = float(0.0)
    for i in range(t.clip_order.shape[1]):
        station = t.clip_order[layout, i]
        if worlds.repair[world, station] == NO_RECIPE:
            total += worlds.clip_weight[world, station]
    left = unit_float(next_random_word(t, worlds, world)) * total
    for i in range(t.clip_order.shape[1]):
        station = t.clip_order[layout, i]
        if worlds.repair[world, station] == NO_RECIPE:
            left -= worlds.clip_weight[world, station]
            if left <= 0.0:
                clip_station(t, worlds, world, station, now)
                add_clip_weight(t, worlds, world, station, 1.0)
                worlds.counters[world, CLIPS] = worlds.counters[world, CLIPS] + 1
                return
