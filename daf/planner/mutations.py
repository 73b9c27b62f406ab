"""Mutations: kernel functions that change a schedule at random."""

import warp as wp

from daf.planner.forecast import (
    CELLS,
    MEMBERS,
    MIN_EIGHTHS,
    NUM_FIELDS,
    STATION,
    USES,
)
from daf.planner.routes import Routes
from daf.sim.random import random_word, uniform_below
from daf.sim.tables.codes import CHEST_KIND, NUM_POSITIONS
from daf.sim.tables.struct import Tables

wp.set_module_options({"enable_backward": False})

STREAM_ANNEAL = wp.constant(0x616E6E65)
MAX_USES_OF_VISIT = wp.constant(25)
COPY_LENGTH = wp.constant(16)


@wp.struct
class Dice:
    """Random numbers of each chain: seed and counter."""

    seed: wp.array(dtype=wp.int64)
    counter: wp.array(dtype=wp.int32)


@wp.func
def roll(dice: Dice, chain: int, upper: int) -> int:
    """Return a random integer in [0, upper)."""
    counter = dice.counter[chain]
    dice.counter[chain] = counter + 1
    return uniform_below(random_word(dice.seed[chain], STREAM_ANNEAL, counter), upper)


@wp.func
def insert_gap(schedule: wp.array3d(dtype=wp.int32), chain: int, index: int, length: int, gap: int):
    """Move the visits from `index` on towards the end."""
    i = length - 1
    while i >= index:
        for field in range(NUM_FIELDS):
            schedule[chain, i + gap, field] = schedule[chain, i, field]
        i -= 1


@wp.func
def remove_visits(
    schedule: wp.array3d(dtype=wp.int32), chain: int, index: int, length: int, count: int
):
    """Remove visits and close the gap."""
    for i in range(index, length - count):
        for field in range(NUM_FIELDS):
            schedule[chain, i, field] = schedule[chain, i + count, field]


@wp.func
def exchange_bits(members: int, first: int, second: int) -> int:
    """Exchange two bits of a mask."""
    if (members >> first) & 1 != (members >> second) & 1:
        return members ^ ((1 << first) | (1 << second))
    return members


@wp.func
def draw_station(
    tables: Tables,
    routes: Routes,
    dice: Dice,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    index: int,
    agent: int,
    station_type: int,
) -> int:
    """Return a random station of a type, more often one near the agent's previous visit."""
    node = tables.num_stations * NUM_POSITIONS + agent
    i = index - 1
    while i >= 0:
        if (schedule[chain, i, MEMBERS] >> agent) & 1 == 1:
            position = (schedule[chain, i, CELLS] >> (3 * agent)) & 7
            node = schedule[chain, i, STATION] * NUM_POSITIONS + position
            i = 0
        i -= 1
    first = routes.type_start[station_type]
    count = routes.type_start[station_type + 1] - first
    best = routes.by_type[first + roll(dice, chain, count)]
    for _draw in range(roll(dice, chain, 4)):
        other = routes.by_type[first + roll(dice, chain, count)]
        best_steps = int(1000000)
        other_steps = int(1000000)
        for position in range(NUM_POSITIONS):
            best_steps = wp.min(best_steps, routes.distance[node, best * NUM_POSITIONS + position])
            other_steps = wp.min(
                other_steps, routes.distance[node, other * NUM_POSITIONS + position]
            )
        if other_steps < best_steps:
            best = other
    return best


@wp.func
def draw_type(tables: Tables, routes: Routes, dice: Dice, chain: int) -> int:
    """Return a random station type that is on the map."""
    num_types = routes.type_start.shape[0] - 1
    station_type = roll(dice, chain, num_types)
    while routes.type_start[station_type + 1] == routes.type_start[station_type]:
        station_type = roll(dice, chain, num_types)
    return station_type


@wp.func
def draw_visit(
    tables: Tables,
    routes: Routes,
    dice: Dice,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    index: int,
):
    """Write a random visit to one place of a schedule."""
    agent = roll(dice, chain, tables.num_agents)
    station_type = draw_type(tables, routes, dice, chain)
    station = draw_station(tables, routes, dice, chain, schedule, index, agent, station_type)
    members = 1 << agent
    if tables.station_kind[station_type] != CHEST_KIND:
        if routes.makes_heart[station] == 1 and roll(dice, chain, 2) == 0:
            members = (1 << tables.num_agents) - 1
        elif roll(dice, chain, 4) == 0:
            members |= 1 + roll(dice, chain, (1 << tables.num_agents) - 1)
    schedule[chain, index, STATION] = station
    schedule[chain, index, MEMBERS] = members
    schedule[chain, index, CELLS] = roll(dice, chain, 1 << (3 * tables.num_agents))
    schedule[chain, index, USES] = 1 + roll(dice, chain, 4)
    if roll(dice, chain, 3) == 0:
        schedule[chain, index, USES] = 1 + roll(dice, chain, MAX_USES_OF_VISIT)
    schedule[chain, index, MIN_EIGHTHS] = 1 + roll(dice, chain, 8)


@wp.func
def change_visit(
    tables: Tables,
    routes: Routes,
    dice: Dice,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    i: int,
):
    """Change one field of a visit."""
    choice = roll(dice, chain, 10)
    if choice < 2:
        schedule[chain, i, USES] = wp.clamp(
            schedule[chain, i, USES] + roll(dice, chain, 7) - 3, 1, MAX_USES_OF_VISIT
        )
    elif choice < 3:
        schedule[chain, i, MIN_EIGHTHS] = 1 + roll(dice, chain, 8)
    elif choice < 5:
        agent = roll(dice, chain, tables.num_agents)
        shift = 3 * agent
        position = roll(dice, chain, 8)
        cells = schedule[chain, i, CELLS] & ~(7 << shift)
        schedule[chain, i, CELLS] = cells | (position << shift)
    elif choice < 7:
        agent = draw_member(tables, dice, chain, schedule[chain, i, MEMBERS])
        station_type = tables.station_type[0, schedule[chain, i, STATION]]
        if roll(dice, chain, 4) == 0:
            station_type = draw_type(tables, routes, dice, chain)
        schedule[chain, i, STATION] = draw_station(
            tables, routes, dice, chain, schedule, i, agent, station_type
        )
    elif choice < 9:
        first = roll(dice, chain, tables.num_agents)
        second = roll(dice, chain, tables.num_agents)
        members = schedule[chain, i, MEMBERS]
        schedule[chain, i, MEMBERS] = exchange_bits(members, first, second)
    else:
        members = schedule[chain, i, MEMBERS] ^ (1 << roll(dice, chain, tables.num_agents))
        if members != 0:
            schedule[chain, i, MEMBERS] = members


@wp.func
def draw_member(tables: Tables, dice: Dice, chain: int, members: int) -> int:
    """Return a random member of a visit."""
    agent = roll(dice, chain, tables.num_agents)
    for _step in range(tables.num_agents):
        if (members >> agent) & 1 == 0:
            agent = (agent + 1) % tables.num_agents
    return agent


@wp.func
def move_visit(dice: Dice, chain: int, schedule: wp.array3d(dtype=wp.int32), length: int, i: int):
    """Move a visit to another place of the schedule, by exchanges with its neighbors."""
    reach = 4
    if roll(dice, chain, 2) == 0:
        reach = 40
    target = wp.clamp(i + roll(dice, chain, 2 * reach + 1) - reach, 0, length - 1)
    direction = int(1)
    if target < i:
        direction = -1
    j = i
    while j != target:
        for field in range(NUM_FIELDS):
            value = schedule[chain, j, field]
            schedule[chain, j, field] = schedule[chain, j + direction, field]
            schedule[chain, j + direction, field] = value
        j += direction


@wp.func
def exchange_agents(
    tables: Tables,
    dice: Dice,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    start: int,
    end: int,
):
    """Exchange the roles of two agents in visits `start` to `end` - 1."""
    first = roll(dice, chain, tables.num_agents)
    second = roll(dice, chain, tables.num_agents)
    for i in range(start, end):
        members = schedule[chain, i, MEMBERS]
        schedule[chain, i, MEMBERS] = exchange_bits(members, first, second)
        cells = schedule[chain, i, CELLS]
        difference = ((cells >> (3 * first)) ^ (cells >> (3 * second))) & 7
        schedule[chain, i, CELLS] = cells ^ (
            (difference << (3 * first)) | (difference << (3 * second))
        )


@wp.func
def mutate(
    tables: Tables,
    routes: Routes,
    dice: Dice,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    length: int,
) -> int:
    """Apply one random mutation.

    Returns:
        new length.
    """
    capacity = schedule.shape[1]
    if length == 0:
        draw_visit(tables, routes, dice, chain, schedule, 0)
        return 1
    i = roll(dice, chain, length)
    choice = roll(dice, chain, 100)
    if choice < 16:
        if length < capacity:
            insert_gap(schedule, chain, i, length, 1)
            draw_visit(tables, routes, dice, chain, schedule, i)
            return length + 1
    elif choice < 30:
        remove_visits(schedule, chain, i, length, 1)
        return length - 1
    elif choice < 50:
        move_visit(dice, chain, schedule, length, i)
    elif choice < 82:
        change_visit(tables, routes, dice, chain, schedule, i)
    elif choice < 87:
        exchange_agents(tables, dice, chain, schedule, i, length)
    elif choice < 92:
        end = wp.min(length, i + 1 + roll(dice, chain, COPY_LENGTH))
        exchange_agents(tables, dice, chain, schedule, i, end)
    elif choice < 96:
        count = 1 + roll(dice, chain, COPY_LENGTH)
        if i + count <= length and length + count <= capacity:
            target = roll(dice, chain, length + 1)
            insert_gap(schedule, chain, target, length, count)
            for k in range(count):
                source = i + k
                if source >= target:
                    source += count
                for field in range(NUM_FIELDS):
                    schedule[chain, target + k, field] = schedule[chain, source, field]
            return length + count
    else:
        count = 1 + roll(dice, chain, COPY_LENGTH)
        if i + count <= length:
            remove_visits(schedule, chain, i, length, count)
            return length - count
    return length
