"""Use of assembler-type stations: recipes by formation, pooled inputs, cooldown, repair."""

import warp as wp

from daf.sim.clipping import add_clip_weight
from daf.sim.counters import FIRST_MADE, FIRST_USE, HEARTS_MADE_BY_1, PARTIAL_USES, REPAIRS
from daf.sim.inventory import add_resource, amount_carried
from daf.sim.state import Worlds
from daf.sim.tables.codes import HEART, NO_RECIPE, NUM_POSITIONS, NUM_RESOURCES, OUTSIDE
from daf.sim.tables.struct import Tables

BEYOND_INT64 = wp.constant(9223372036854775808.0)
"""2**63"""


@wp.func
def neighbor_byte(t: Tables, worlds: Worlds, world: int, station_cell: int) -> int:
    """Which of the 8 cells hold an agent, bit by bit in reading order.

    A cell outside the map takes no bit: the later ones shift down, as in the engine (trace t18).
    """
    byte = int(0)
    bit = int(1)
    for position in range(NUM_POSITIONS):
        code = int(worlds.grid[world, station_cell + t.neighbour_offset[position]])
        if code >= t.first_agent:
            byte += bit
        if code != OUTSIDE:
            bit *= 2
    return byte


@wp.func
def cooldown_progress(end: wp.uint32, duration: wp.uint32, now: wp.uint32) -> float:
    """Share of the cooldown that has passed, 1 when it is over, in float32 like the engine."""
    if end <= now:
        return 1.0
    start = end - duration
    if now <= start:
        return 0.0
    return float(now - start) / float(duration)


@wp.func
def cooldown_steps(cooldown: int, multiplier: float) -> wp.uint32:
    """The cooldown as exhaustion has grown it: the low 32 bits of the whole part, as in the engine.

    From 2**63 on, or where it is no number, there is none.
    """
    steps = float(cooldown) * multiplier
    if steps < BEYOND_INT64:
        return wp.uint32(wp.int64(steps))
    return wp.uint32(0)


@wp.func
def input_amount(t: Tables, recipe: int, resource: int, share: float) -> int:
    amount = t.recipe_input[recipe, resource]
    if share < 1.0:
        return int(wp.ceil(float(amount) * share))
    return amount


@wp.func
def output_amount(t: Tables, recipe: int, resource: int, share: float) -> int:
    amount = t.recipe_output[recipe, resource]
    if share < 1.0:
        return int(wp.floor(float(amount) * share))
    return amount


@wp.func
def pooled_amount(t: Tables, worlds: Worlds, world: int, station_cell: int, resource: int) -> int:
    """What the agents around carry together, modulo 256: the engine adds in one byte."""
    total = int(0)
    for position in range(NUM_POSITIONS):
        code = int(worlds.grid[world, station_cell + t.neighbour_offset[position]])
        if code >= t.first_agent:
            total += amount_carried(worlds, world, code - t.first_agent, resource)
    return total & 255


@wp.func
def consume_inputs(
    t: Tables, worlds: Worlds, world: int, station_cell: int, resource: int, amount: int
):
    """Take `amount` from the agents around, one after the other in reading order."""
    left = amount
    for position in range(NUM_POSITIONS):
        code = int(worlds.grid[world, station_cell + t.neighbour_offset[position]])
        if code >= t.first_agent and left > 0:
            left += add_resource(t, worlds, world, code - t.first_agent, resource, -left)


@wp.func
def use_assembler(
    t: Tables,
    worlds: Worlds,
    world: int,
    agent: int,
    station: int,
    kind: int,
    station_cell: int,
    now: int,
) -> bool:
    """One use by `agent`; nothing changes unless it succeeds."""
    clipped = worlds.repair[world, station] != NO_RECIPE
    if t.max_uses[kind] > 0 and worlds.uses[world, station] >= t.max_uses[kind]:
        return False

    end = wp.uint32(worlds.cooldown_end[world, station])
    last_duration = wp.uint32(worlds.cooldown_duration[world, station])
    share = cooldown_progress(end, last_duration, wp.uint32(now))
    if share < 1.0 and t.partial[kind] == 0:
        return False

    byte = neighbor_byte(t, worlds, world, station_cell)
    recipe = t.recipe[kind, byte]
    if clipped:
        recipe = t.first_repair + worlds.repair[world, station]
    if recipe == NO_RECIPE:
        return False

    gives = int(0)
    for resource in range(NUM_RESOURCES):
        gives += output_amount(t, recipe, resource, share)
    if gives == 0 and t.recipe_has_output[recipe] == 1 and not clipped:
        return False

    for resource in range(NUM_RESOURCES):
        needed = input_amount(t, recipe, resource, share)
        if needed > 0 and pooled_amount(t, worlds, world, station_cell, resource) < needed:
            return False

    for resource in range(NUM_RESOURCES):
        needed = input_amount(t, recipe, resource, share)
        if needed > 0:
            consume_inputs(t, worlds, world, station_cell, resource, needed)
    for resource in range(NUM_RESOURCES):
        given = output_amount(t, recipe, resource, share)
        if given > 0:
            made = add_resource(t, worlds, world, agent, resource, given)
            count_made(worlds, world, resource, made, byte)

    multiplier = worlds.cooldown_multiplier[world, station]
    duration = cooldown_steps(t.recipe_cooldown[recipe], multiplier)
    worlds.cooldown_duration[world, station] = int(duration)
    worlds.cooldown_end[world, station] = int(wp.uint32(now) + duration)
    if clipped:
        worlds.repair[world, station] = NO_RECIPE
        add_clip_weight(t, worlds, world, station, -1.0)
        worlds.counters[world, REPAIRS] = worlds.counters[world, REPAIRS] + 1
    else:
        worlds.uses[world, station] = worlds.uses[world, station] + 1
        worlds.cooldown_multiplier[world, station] = multiplier * (1.0 + t.exhaustion[kind])
        worlds.counters[world, FIRST_USE + kind] = worlds.counters[world, FIRST_USE + kind] + 1
        if share < 1.0:
            worlds.counters[world, PARTIAL_USES] = worlds.counters[world, PARTIAL_USES] + 1
    return True


@wp.func
def count_made(worlds: Worlds, world: int, resource: int, made: int, byte: int):
    counter = FIRST_MADE + resource
    worlds.counters[world, counter] = worlds.counters[world, counter] + made
    if resource == HEART and made > 0:
        agents = int(0)
        for position in range(NUM_POSITIONS):
            agents += (byte >> position) & 1
        team = HEARTS_MADE_BY_1 + wp.min(agents, 4) - 1
        worlds.counters[world, team] = worlds.counters[world, team] + made
