"""What an agent sees (RULES 9)."""

import math

import numpy as np

from daf.missions import RESOURCES, Chest
from tests.sim.reference.things import Agent, Station, float32
from tests.sim.reference.world import World

TYPE_ID, GROUP, FROZEN, ORIENTATION = range(4)
COMPLETION, LAST_VERB, LAST_ARGUMENT, LAST_REWARD, GLYPH = range(7, 12)
COOLDOWN, CLIPPED, REMAINING_USES, INVENTORY = 14, 15, 16, 17
EMPTY = 255

Tokens = list[tuple[int, int]]


def observe(world: World) -> np.ndarray:
    """The tokens of all agents, uint8 [A, T, 3]."""
    mission = world.mission
    looks = {cell: describe(world, thing) for cell, thing in world.cells.items()}
    cells = list_cells(mission.window_height // 2, mission.window_width // 2)
    seen = np.full((len(world.agents), mission.tokens, 3), EMPTY, dtype=np.uint8)
    for agent, row in zip(world.agents, seen):
        centre = locate(mission, 0, 0)
        tokens = [(centre, feature, value) for feature, value in describe_self(world, agent)]
        for rows, columns in cells:
            for feature, value in looks.get((agent.row + rows, agent.column + columns), ()):
                tokens.append((locate(mission, rows, columns), feature, value))
        tokens = tokens[: mission.tokens]
        row[: len(tokens)] = tokens
    return seen


def list_cells(half_height: int, half_width: int) -> list[tuple[int, int]]:
    """Row and column of the cells of a window, from the agent's, in the order of their tokens."""
    return sorted(
        (
            (row, column)
            for row in range(-half_height, half_height + 1)
            for column in range(-half_width, half_width + 1)
        ),
        key=lambda cell: (abs(cell[0]) + abs(cell[1]), *cell),
    )


def locate(mission, row: int, column: int) -> int:
    return (row + mission.window_height // 2) << 4 | (column + mission.window_width // 2)


def describe_self(world: World, agent: Agent) -> Tokens:
    completion = 0
    if world.mission.max_steps:
        share = float32(world.now) / float32(world.mission.max_steps)
        completion = round_half_away(share * float32(255))
    # What is paid for statistics comes after the observation: only the penalty is seen.
    reward = float32(0) if agent.success else -world.penalty
    return [
        (COMPLETION, completion % 256),
        (LAST_VERB, agent.verb % 256),
        (LAST_ARGUMENT, agent.argument % 256),
        (LAST_REWARD, round_half_away(reward * float32(100)) % 256),
    ]


def round_half_away(x: np.float32) -> int:
    x = float(x)
    return math.floor(x + 0.5) if x >= 0 else -math.floor(0.5 - x)


def describe(world: World, thing: Agent | Station | str) -> Tokens:
    if isinstance(thing, Agent):
        return describe_agent(thing)
    if isinstance(thing, Station):
        return describe_station(world, thing)
    return [(TYPE_ID, 1)]


def describe_agent(agent: Agent) -> Tokens:
    tokens = [(TYPE_ID, 0), (GROUP, 0), (FROZEN, 0), (ORIENTATION, agent.orientation)]
    if agent.glyph:
        tokens.append((GLYPH, agent.glyph))
    carried = enumerate(agent.inventory)
    return tokens + [(INVENTORY + resource, amount) for resource, amount in carried if amount]


def describe_station(world: World, station: Station) -> Tokens:
    rule = station.rule
    tokens = [(TYPE_ID, rule.type_id)]
    if isinstance(rule, Chest):
        if station.stock:
            tokens.append((INVENTORY + RESOURCES.index(rule.resource), station.stock))
        return tokens
    if station.end > world.now:
        tokens.append((COOLDOWN, min(255, station.end - world.now)))
    if station.repair is not None:
        tokens.append((CLIPPED, 1))
    if rule.max_uses > 0:
        tokens.append((REMAINING_USES, min(255, rule.max_uses - station.uses)))
    return tokens
