"""Rules of assemblers and extractors: recipes, pooled inputs, cooldown, repair."""

import warp as wp

from daf.sim.clipping import add_spread_to_all_clip_weights
from daf.sim.counters import FIRST_MADE, FIRST_USE, HEARTS_MADE_BY_1, PARTIAL_USES, REPAIRS
from daf.sim.inventory import amount_carried, change_amount_within_limits
from daf.sim.state import Worlds
from daf.sim.tables.codes import HEART, NO_RECIPE, NUM_POSITIONS, NUM_RESOURCES, OUTSIDE
from daf.sim.tables.struct import Tables

# 2**63
BEYOND_INT64 = wp.constant(9223372036854775808.0)


@wp.func
def find_eight_neighbor_agent_mask(
    tables: Tables, worlds: Worlds, world: int, station_cell: int
) -> int:
    """Return the bit mask of the agents on the 8 neighbor cells, in reading order.

    A cell outside the map takes no bit: later cells shift down, as in the reference engine.
    """
    mask = int(0)
    bit = int(1)
    for position in range(NUM_POSITIONS):
        code = int(worlds.grid[world, station_cell + tables.neighbor_offset[position]])
        if code >= tables.first_agent:
            mask += bit
        if code != OUTSIDE:
            bit *= 2
    return mask


@wp.func
def count_agents_in_mask(neighbor_mask: int) -> int:
    """Count the agents of a mask from `find_eight_neighbor_agent_mask`."""
    count = int(0)
    for position in range(NUM_POSITIONS):
        count += (neighbor_mask >> position) & 1
    return count


@wp.func
def cooldown_progress(end_step: wp.uint32, duration: wp.uint32, current_step: wp.uint32) -> float:
    """Return the elapsed fraction of the cooldown, 1 at its end, in float32."""
    if end_step <= current_step:
        return 1.0
    start_step = end_step - duration
    if current_step <= start_step:
        return 0.0
    return float(current_step - start_step) / float(duration)


@wp.func
def cooldown_steps(recipe_cooldown: int, exhaustion_multiplier: float) -> wp.uint32:
    """Return the cooldown times the exhaustion multiplier, in steps.

    As in the reference engine, only the low 32 bits of the integer part count. A product of 2**63
    or more, or NaN, gives 0.
    """
    steps = float(recipe_cooldown) * exhaustion_multiplier
    if steps < BEYOND_INT64:
        return wp.uint32(wp.int64(steps))
    return wp.uint32(0)


@wp.func
def scaled_input_amount_rounded_up(
    tables: Tables, recipe: int, resource: int, elapsed_cooldown_fraction: float
) -> int:
    """Return the amount that a use consumes; a partial use rounds up."""
    amount = tables.recipe_input[recipe, resource]
    if elapsed_cooldown_fraction < 1.0:
        return int(wp.ceil(float(amount) * elapsed_cooldown_fraction))
    return amount


@wp.func
def scaled_output_amount_rounded_down(
    tables: Tables, recipe: int, resource: int, elapsed_cooldown_fraction: float
) -> int:
    """Return the amount that a use produces; a partial use rounds down."""
    amount = tables.recipe_output[recipe, resource]
    if elapsed_cooldown_fraction < 1.0:
        return int(wp.floor(float(amount) * elapsed_cooldown_fraction))
    return amount


@wp.func
def sum_neighbor_amounts_modulo_256(
    tables: Tables, worlds: Worlds, world: int, station_cell: int, resource: int
) -> int:
    """Return the sum over the neighbor agents, modulo 256 as in the reference engine."""
    total = int(0)
    for position in range(NUM_POSITIONS):
        code = int(worlds.grid[world, station_cell + tables.neighbor_offset[position]])
        if code >= tables.first_agent:
            total += amount_carried(worlds, world, code - tables.first_agent, resource)
    return total & 255


@wp.func
def take_from_neighbors(
    tables: Tables, worlds: Worlds, world: int, station_cell: int, resource: int, amount: int
):
    """Remove `amount` from the neighbor agents, in reading order of their cells."""
    remaining = amount
    for position in range(NUM_POSITIONS):
        code = int(worlds.grid[world, station_cell + tables.neighbor_offset[position]])
        if code >= tables.first_agent and remaining > 0:
            remaining += change_amount_within_limits(
                tables, worlds, world, code - tables.first_agent, resource, -remaining
            )


@wp.func
def try_use_assembler(
    tables: Tables,
    worlds: Worlds,
    world: int,
    agent: int,
    station: int,
    station_type: int,
    station_cell: int,
    step: int,
) -> bool:
    """Apply one use of an assembler by an agent that moves into it.

    Returns:
        success; a failed use changes nothing.
    """
    clipped = worlds.repair[world, station] != NO_RECIPE
    # limit of uses
    if (
        tables.max_uses[station_type] > 0
        and worlds.uses[world, station] >= tables.max_uses[station_type]
    ):
        return False

    # cooldown: it must have ended, unless the station allows partial use
    end = wp.uint32(worlds.cooldown_end[world, station])
    last_duration = wp.uint32(worlds.cooldown_duration[world, station])
    progress = cooldown_progress(end, last_duration, wp.uint32(step))
    if progress < 1.0 and tables.partial[station_type] == 0:
        return False

    # recipe of the formation; a clipped station accepts its repair recipe only
    neighbor_mask = find_eight_neighbor_agent_mask(tables, worlds, world, station_cell)
    recipe = tables.recipe[station_type, neighbor_mask]
    if clipped:
        recipe = tables.first_repair + worlds.repair[world, station]
    if recipe == NO_RECIPE:
        return False

    # a partial use must produce something
    total_output = int(0)
    for resource in range(NUM_RESOURCES):
        total_output += scaled_output_amount_rounded_down(tables, recipe, resource, progress)
    if total_output == 0 and tables.recipe_has_output[recipe] == 1 and not clipped:
        return False

    # inputs: pooled over the agents on the 8 neighbor cells
    for resource in range(NUM_RESOURCES):
        needed = scaled_input_amount_rounded_up(tables, recipe, resource, progress)
        if (
            needed > 0
            and sum_neighbor_amounts_modulo_256(tables, worlds, world, station_cell, resource)
            < needed
        ):
            return False
    for resource in range(NUM_RESOURCES):
        needed = scaled_input_amount_rounded_up(tables, recipe, resource, progress)
        if needed > 0:
            take_from_neighbors(tables, worlds, world, station_cell, resource, needed)
    # outputs go to the acting agent; what exceeds its limits is lost
    num_neighbor_agents = count_agents_in_mask(neighbor_mask)
    for resource in range(NUM_RESOURCES):
        output = scaled_output_amount_rounded_down(tables, recipe, resource, progress)
        if output > 0:
            accepted = change_amount_within_limits(tables, worlds, world, agent, resource, output)
            add_to_product_and_heart_counters(
                worlds, world, resource, accepted, num_neighbor_agents
            )

    # start of the cooldown, which grows with exhaustion
    multiplier = worlds.cooldown_multiplier[world, station]
    duration = cooldown_steps(tables.recipe_cooldown[recipe], multiplier)
    worlds.cooldown_duration[world, station] = int(duration)
    worlds.cooldown_end[world, station] = int(wp.uint32(step) + duration)
    # a repair ends the clipping; any other use counts towards the limit of uses
    if clipped:
        worlds.repair[world, station] = NO_RECIPE
        add_spread_to_all_clip_weights(tables, worlds, world, station, -1.0)
        worlds.counters[world, REPAIRS] = worlds.counters[world, REPAIRS] + 1
    else:
        worlds.uses[world, station] = worlds.uses[world, station] + 1
        worlds.cooldown_multiplier[world, station] = multiplier * (
            1.0 + tables.exhaustion[station_type]
        )
        worlds.counters[world, FIRST_USE + station_type] = (
            worlds.counters[world, FIRST_USE + station_type] + 1
        )
        if progress < 1.0:
            worlds.counters[world, PARTIAL_USES] = worlds.counters[world, PARTIAL_USES] + 1
    return True


@wp.func
def add_to_product_and_heart_counters(
    worlds: Worlds, world: int, resource: int, accepted_amount: int, num_neighbor_agents: int
):
    """Add an amount to the game statistics of products, and of hearts by number of agents."""
    counter = FIRST_MADE + resource
    worlds.counters[world, counter] = worlds.counters[world, counter] + accepted_amount
    if resource == HEART and accepted_amount > 0:
        counter_of_team = HEARTS_MADE_BY_1 + wp.min(num_neighbor_agents, 4) - 1
        worlds.counters[world, counter_of_team] = (
            worlds.counters[world, counter_of_team] + accepted_amount
        )
