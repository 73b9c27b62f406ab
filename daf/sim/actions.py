"""Rules of actions: noop, move (walk, share energy, use a station) and change_glyph."""

import warp as wp

from daf.sim.assembler import try_use_assembler
from daf.sim.chest import try_use_chest
from daf.sim.counters import (
    ENERGY_SPENT_MOVING,
    FAILED_MOVES,
    GLYPH_CHANGES,
    INVALID_ACTIONS,
    MOVED,
    SHARES,
)
from daf.sim.inventory import amount_carried, change_amount_within_limits
from daf.sim.state import Worlds
from daf.sim.tables.codes import ASSEMBLER_KIND, EMPTY, ENERGY, FIRST_STATION
from daf.sim.tables.struct import Tables

NOOP = wp.constant(0)
MOVE = wp.constant(1)
CHANGE_GLYPH = wp.constant(2)
INVALID = wp.constant(3)
NUM_DIRECTIONS = wp.constant(4)


@wp.func
def store_action_verb_and_argument(
    tables: Tables, worlds: Worlds, world: int, agent: int, flat_action: wp.int64
):
    """Decode an index of the flat action list (noop, move N S W E, glyph 0, 1, ...); store it.

    The range check uses all 64 bits. The argument of an invalid action is its low 32 bits.
    """
    action = int(flat_action)
    verb = CHANGE_GLYPH
    argument = action - 1 - NUM_DIRECTIONS
    if flat_action < wp.int64(0) or flat_action > wp.int64(NUM_DIRECTIONS + tables.num_glyphs):
        verb = INVALID
        argument = action
    elif action == 0:
        verb = NOOP
        argument = 0
    elif action <= NUM_DIRECTIONS:
        verb = MOVE
        argument = action - 1
    worlds.verb[world, agent] = verb
    worlds.argument[world, agent] = argument


@wp.func
def try_apply_action(tables: Tables, worlds: Worlds, world: int, agent: int, step: int) -> bool:
    """Apply the action of one agent, if its rules allow it.

    Returns:
        success of the action.
    """
    verb = worlds.verb[world, agent]
    argument = worlds.argument[world, agent]
    if verb == NOOP and argument == 0:
        return True
    if verb == MOVE and argument >= 0 and argument < NUM_DIRECTIONS:
        return try_move_agent(tables, worlds, world, agent, argument, step)
    if verb == CHANGE_GLYPH and argument >= 0 and argument < tables.num_glyphs:
        worlds.glyph[world, agent] = wp.uint8(argument)
        worlds.counters[world, GLYPH_CHANGES] = worlds.counters[world, GLYPH_CHANGES] + 1
        return True
    worlds.counters[world, INVALID_ACTIONS] = worlds.counters[world, INVALID_ACTIONS] + 1
    return False


@wp.func
def try_move_agent(
    tables: Tables, worlds: Worlds, world: int, agent: int, direction: int, step: int
) -> bool:
    """Turn and move one agent, if it has the energy for it; return success."""
    moved = bool(False)
    if amount_carried(worlds, world, agent, ENERGY) >= tables.move_energy:
        worlds.orientation[world, agent] = wp.uint8(direction)
        moved = try_walk_share_or_use(tables, worlds, world, agent, direction, step)
    if moved:
        # The cost follows the effect and stops at 0: a use of a station may leave less energy.
        cost = -change_amount_within_limits(
            tables, worlds, world, agent, ENERGY, -tables.move_energy
        )
        worlds.counters[world, MOVED] = worlds.counters[world, MOVED] + 1
        worlds.counters[world, ENERGY_SPENT_MOVING] = (
            worlds.counters[world, ENERGY_SPENT_MOVING] + cost
        )
    else:
        worlds.counters[world, FAILED_MOVES] = worlds.counters[world, FAILED_MOVES] + 1
    return moved


@wp.func
def try_walk_share_or_use(
    tables: Tables, worlds: Worlds, world: int, agent: int, direction: int, step: int
) -> bool:
    """Walk to an empty cell, share energy with an agent or use a station; else fail.

    Returns:
        success of the move.
    """
    cell = worlds.cell[world, agent]
    target = cell + tables.move_offset[direction]
    code = int(worlds.grid[world, target])
    if code == EMPTY:
        worlds.grid[world, target] = worlds.grid[world, cell]
        worlds.grid[world, cell] = wp.int16(EMPTY)
        worlds.cell[world, agent] = target
        return True
    if code >= tables.first_agent:
        share_half_of_energy(tables, worlds, world, agent, code - tables.first_agent)
        return True
    if code >= FIRST_STATION:
        station = code - FIRST_STATION
        station_type = tables.station_type[worlds.layout[world], station]
        if tables.station_kind[station_type] == ASSEMBLER_KIND:
            return try_use_assembler(
                tables, worlds, world, agent, station, station_type, target, step
            )
        return try_use_chest(tables, worlds, world, agent, station, station_type, direction)
    return False


@wp.func
def share_half_of_energy(tables: Tables, worlds: Worlds, world: int, giver: int, receiver: int):
    """Transfer half of the energy of one agent, limited by the room of the receiver."""
    offered = amount_carried(worlds, world, giver, ENERGY) / 2
    transferred = change_amount_within_limits(tables, worlds, world, receiver, ENERGY, offered)
    change_amount_within_limits(tables, worlds, world, giver, ENERGY, -transferred)
    worlds.counters[world, SHARES] = worlds.counters[world, SHARES] + 1
