"""Mutations: kernel functions that change a schedule at random."""

import warp as wp

from daf.planner.dice import Dice, draw_random_int_below
from daf.planner.forecast import (
    CELLS,
    MEMBERS,
    MIN_EIGHTHS,
    NUM_FIELDS,
    STATION,
    USES,
)
from daf.planner.routes import Routes
from daf.sim.tables.codes import CHEST_KIND, NUM_POSITIONS
from daf.sim.tables.struct import Tables

wp.set_module_options({"enable_backward": False})

MAX_USES_OF_VISIT = wp.constant(25)
COPY_LENGTH = wp.constant(16)


@wp.func
def insert_gap(
    schedule: wp.array3d(dtype=wp.int32), chain: int, index: int, length: int, gap_length: int
):
    """Move the visits from `index` on towards the end."""
    i = length - 1
    while i >= index:
        for field in range(NUM_FIELDS):
            schedule[chain, i + gap_length, field] = schedule[chain, i, field]
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
def exchange_bits(bit_mask: int, first_bit: int, second_bit: int) -> int:
    """Exchange two bits of a mask."""
    if (bit_mask >> first_bit) & 1 != (bit_mask >> second_bit) & 1:
        return bit_mask ^ ((1 << first_bit) | (1 << second_bit))
    return bit_mask


@wp.func
def draw_station_near_previous_visit(
    tables: Tables,
    routes: Routes,
    dice: Dice,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    visit_index: int,
    agent: int,
    station_type: int,
) -> int:
    """Return a random station of a type, more often one near the agent's previous visit."""
    node = tables.num_stations * NUM_POSITIONS + agent
    i = visit_index - 1
    while i >= 0:
        if (schedule[chain, i, MEMBERS] >> agent) & 1 == 1:
            position = (schedule[chain, i, CELLS] >> (3 * agent)) & 7
            node = schedule[chain, i, STATION] * NUM_POSITIONS + position
            i = 0
        i -= 1
    first = routes.type_start[station_type]
    count = routes.type_start[station_type + 1] - first
    best = routes.by_type[first + draw_random_int_below(dice, chain, count)]
    for _draw in range(draw_random_int_below(dice, chain, 4)):
        other = routes.by_type[first + draw_random_int_below(dice, chain, count)]
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
def draw_station_type_on_map(tables: Tables, routes: Routes, dice: Dice, chain: int) -> int:
    """Return a random station type that is on the map."""
    num_types = routes.type_start.shape[0] - 1
    station_type = draw_random_int_below(dice, chain, num_types)
    while routes.type_start[station_type + 1] == routes.type_start[station_type]:
        station_type = draw_random_int_below(dice, chain, num_types)
    return station_type


@wp.func
def write_random_visit(
    tables: Tables,
    routes: Routes,
    dice: Dice,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    visit_index: int,
):
    """Write a random visit to one place of a schedule."""
    agent = draw_random_int_below(dice, chain, tables.num_agents)
    station_type = draw_station_type_on_map(tables, routes, dice, chain)
    station = draw_station_near_previous_visit(
        tables, routes, dice, chain, schedule, visit_index, agent, station_type
    )
    members = 1 << agent
    if tables.station_kind[station_type] != CHEST_KIND:
        if routes.makes_heart[station] == 1 and draw_random_int_below(dice, chain, 2) == 0:
            members = (1 << tables.num_agents) - 1
        elif draw_random_int_below(dice, chain, 4) == 0:
            members |= 1 + draw_random_int_below(dice, chain, (1 << tables.num_agents) - 1)
    schedule[chain, visit_index, STATION] = station
    schedule[chain, visit_index, MEMBERS] = members
    schedule[chain, visit_index, CELLS] = draw_random_int_below(
        dice, chain, 1 << (3 * tables.num_agents)
    )
    schedule[chain, visit_index, USES] = 1 + draw_random_int_below(dice, chain, 4)
    if draw_random_int_below(dice, chain, 3) == 0:
        schedule[chain, visit_index, USES] = 1 + draw_random_int_below(
            dice, chain, MAX_USES_OF_VISIT
        )
    schedule[chain, visit_index, MIN_EIGHTHS] = 1 + draw_random_int_below(dice, chain, 8)


@wp.func
def change_random_field_of_visit(
    tables: Tables,
    routes: Routes,
    dice: Dice,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    visit_index: int,
):
    """Change one field of a visit."""
    choice = draw_random_int_below(dice, chain, 10)
    if choice < 2:
        schedule[chain, visit_index, USES] = wp.clamp(
            schedule[chain, visit_index, USES] + draw_random_int_below(dice, chain, 7) - 3,
            1,
            MAX_USES_OF_VISIT,
        )
    elif choice < 3:
        schedule[chain, visit_index, MIN_EIGHTHS] = 1 + draw_random_int_below(dice, chain, 8)
    elif choice < 5:
        agent = draw_random_int_below(dice, chain, tables.num_agents)
        shift = 3 * agent
        position = draw_random_int_below(dice, chain, 8)
        cells = schedule[chain, visit_index, CELLS] & ~(7 << shift)
        schedule[chain, visit_index, CELLS] = cells | (position << shift)
    elif choice < 7:
        agent = draw_member(tables, dice, chain, schedule[chain, visit_index, MEMBERS])
        station_type = tables.station_type[0, schedule[chain, visit_index, STATION]]
        if draw_random_int_below(dice, chain, 4) == 0:
            station_type = draw_station_type_on_map(tables, routes, dice, chain)
        schedule[chain, visit_index, STATION] = draw_station_near_previous_visit(
            tables, routes, dice, chain, schedule, visit_index, agent, station_type
        )
    elif choice < 9:
        first = draw_random_int_below(dice, chain, tables.num_agents)
        second = draw_random_int_below(dice, chain, tables.num_agents)
        members = schedule[chain, visit_index, MEMBERS]
        schedule[chain, visit_index, MEMBERS] = exchange_bits(members, first, second)
    else:
        members = schedule[chain, visit_index, MEMBERS] ^ (
            1 << draw_random_int_below(dice, chain, tables.num_agents)
        )
        if members != 0:
            schedule[chain, visit_index, MEMBERS] = members


@wp.func
def draw_member(tables: Tables, dice: Dice, chain: int, member_mask: int) -> int:
    """Return a random member of a visit."""
    agent = draw_random_int_below(dice, chain, tables.num_agents)
    for _step in range(tables.num_agents):
        if (member_mask >> agent) & 1 == 0:
            agent = (agent + 1) % tables.num_agents
    return agent


@wp.func
def move_visit_to_random_place(
    dice: Dice, chain: int, schedule: wp.array3d(dtype=wp.int32), length: int, visit_index: int
):
    """Move a visit to another place of the schedule, by exchanges with its neighbors."""
    reach = 4
    if draw_random_int_below(dice, chain, 2) == 0:
        reach = 40
    target = wp.clamp(
        visit_index + draw_random_int_below(dice, chain, 2 * reach + 1) - reach, 0, length - 1
    )
    direction = int(1)
    if target < visit_index:
        direction = -1
    j = visit_index
    while j != target:
        for field in range(NUM_FIELDS):
            value = schedule[chain, j, field]
            schedule[chain, j, field] = schedule[chain, j + direction, field]
            schedule[chain, j + direction, field] = value
        j += direction


@wp.func
def exchange_two_random_agents(
    tables: Tables,
    dice: Dice,
    chain: int,
    schedule: wp.array3d(dtype=wp.int32),
    first_visit_index: int,
    end_visit_index: int,
):
    """Exchange the roles of two agents in visits `first_visit_index` to `end_visit_index` - 1."""
    first = draw_random_int_below(dice, chain, tables.num_agents)
    second = draw_random_int_below(dice, chain, tables.num_agents)
    for i in range(first_visit_index, end_visit_index):
        members = schedule[chain, i, MEMBERS]
        schedule[chain, i, MEMBERS] = exchange_bits(members, first, second)
        cells = schedule[chain, i, CELLS]
        difference = ((cells >> (3 * first)) ^ (cells >> (3 * second))) & 7
        schedule[chain, i, CELLS] = cells ^ (
            (difference << (3 * first)) | (difference << (3 * second))
        )


@wp.func
def mutate_schedule_and_return_length(
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
        write_random_visit(tables, routes, dice, chain, schedule, 0)
        return 1
    i = draw_random_int_below(dice, chain, length)
    choice = draw_random_int_below(dice, chain, 100)
    if choice < 16:
        if length < capacity:
            insert_gap(schedule, chain, i, length, 1)
            write_random_visit(tables, routes, dice, chain, schedule, i)
            return length + 1
    elif choice < 30:
        remove_visits(schedule, chain, i, length, 1)
        return length - 1
    elif choice < 50:
        move_visit_to_random_place(dice, chain, schedule, length, i)
    elif choice < 82:
        change_random_field_of_visit(tables, routes, dice, chain, schedule, i)
    elif choice < 87:
        exchange_two_random_agents(tables, dice, chain, schedule, i, length)
    elif choice < 92:
        end = wp.min(length, i + 1 + draw_random_int_below(dice, chain, COPY_LENGTH))
        exchange_two_random_agents(tables, dice, chain, schedule, i, end)
    elif choice < 96:
        count = 1 + draw_random_int_below(dice, chain, COPY_LENGTH)
        if i + count <= length and length + count <= capacity:
            target = draw_random_int_below(dice, chain, length + 1)
            insert_gap(schedule, chain, target, length, count)
            for k in range(count):
                source = i + k
                if source >= target:
                    source += count
                for field in range(NUM_FIELDS):
                    schedule[chain, target + k, field] = schedule[chain, source, field]
            return length + count
    else:
        count = 1 + draw_random_int_below(dice, chain, COPY_LENGTH)
        if i + count <= length:
            remove_visits(schedule, chain, i, length, count)
            return length - count
    return length
