"""What agents do: noop, move (walk, share, use a station) and change_glyph."""

import warp as wp

from daf.sim.assembler import use_assembler
from daf.sim.chest import use_chest
from daf.sim.counters import (
    ENERGY_SPENT_MOVING,
    FAILED_MOVES,
    GLYPH_CHANGES,
    INVALID_ACTIONS,
    MOVED,
    SHARES,
)
from daf.sim.inventory import add_resource, amount_carried
from daf.sim.state import Worlds
from daf.sim.tables.codes import ASSEMBLER_KIND, EMPTY, ENERGY, FIRST_STATION
from daf.sim.tables.struct import Tables

NOOP = wp.constant(0)
MOVE = wp.constant(1)
CHANGE_GLYPH = wp.constant(2)
INVALID = wp.constant(3)
NUM_DIRECTIONS = wp.constant(4)


@wp.func
def decode_action(t: Tables, worlds: Worlds, world: int, agent: int, passed: wp.int64):
    """From the flat action list to verb and argument: noop, move N S W E, glyphs 0, 1, ...

    The number is compared in full: of one outside the list only the argument is cut to 32 bits.
    """
    action = int(passed)
    verb = CHANGE_GLYPH
    argument = action - 1 - NUM_DIRECTIONS
    if passed < wp.int64(0) or passed > wp.int64(NUM_DIRECTIONS + t.num_glyphs):
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
def apply_action(t: Tables, worlds: Worlds, world: int, agent: int, now: int) -> bool:
    """Carry out one agent's action fully. Returns whether it succeeded."""
    verb = worlds.verb[world, agent]
    argument = worlds.argument[world, agent]
    if verb == NOOP and argument == 0:
        return True
    if verb == MOVE and argument >= 0 and argument < NUM_DIRECTIONS:
        return move(t, worlds, world, agent, argument, now)
    if verb == CHANGE_GLYPH and argument >= 0 and argument < t.num_glyphs:
        worlds.glyph[world, agent] = wp.uint8(argument)
        worlds.counters[world, GLYPH_CHANGES] = worlds.counters[world, GLYPH_CHANGES] + 1
        return True
    worlds.counters[world, INVALID_ACTIONS] = worlds.counters[world, INVALID_ACTIONS] + 1
    return False


@wp.func
def move(t: Tables, worlds: Worlds, world: int, agent: int, direction: int, now: int) -> bool:
    moved = bool(False)
    if amount_carried(worlds, world, agent, ENERGY) >= t.move_energy:
        worlds.orientation[world, agent] = wp.uint8(direction)
        moved = move_into(t, worlds, world, agent, direction, now)
    if moved:
        # Paid after the effect and never below zero: a use may have left less than the price.
        paid = -add_resource(t, worlds, world, agent, ENERGY, -t.move_energy)
        worlds.counters[world, MOVED] = worlds.counters[world, MOVED] + 1
        worlds.counters[world, ENERGY_SPENT_MOVING] = (
            worlds.counters[world, ENERGY_SPENT_MOVING] + paid
        )
    else:
        worlds.counters[world, FAILED_MOVES] = worlds.counters[world, FAILED_MOVES] + 1
    return moved


@wp.func
def move_into(t: Tables, worlds: Worlds, world: int, agent: int, direction: int, now: int) -> bool:
    """The target cell decides: walk if empty, share with an agent, use a station, else fail."""
    here = worlds.cell[world, agent]
    there = here + t.move_offset[direction]
    code = int(worlds.grid[world, there])
    if code == EMPTY:
        worlds.grid[world, there] = worlds.grid[world, here]
        worlds.grid[world, here] = wp.int16(EMPTY)
        worlds.cell[world, agent] = there
        return True
    if code >= t.first_agent:
        share_energy(t, worlds, world, agent, code - t.first_agent)
        return True
    if code >= FIRST_STATION:
        station = code - FIRST_STATION
        kind = t.station_type[worlds.layout[world], station]
        if t.station_kind[kind] == ASSEMBLER_KIND:
            return use_assembler(t, worlds, world, agent, station, kind, there, now)
        return use_chest(t, worlds, world, agent, station, kind, direction)
    return False


@wp.func
def share_energy(t: Tables, worlds: Worlds, world: int, giver: int, taker: int):
    """Offer half of the energy; the giver loses what the taker had room for."""
    offered = amount_carried(worlds, world, giver, ENERGY) / 2
    taken = add_resource(t, worlds, world, taker, ENERGY, offered)
    add_resource(t, worlds, world, giver, ENERGY, -taken)
    worlds.counters[world, SHARES] = worlds.counters[world, SHARES] + 1
