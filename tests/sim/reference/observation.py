"""Observations of agents."""

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
    """Return the tokens of all agents, uint8 [A, T, 3]."""
    mission = world.mission
    tokens_by_cell = {
        cell: list_object_tokens(world, content) for cell, content in world.cells.items()
    }
    cells = list_cells(mission.window_height // 2, mission.window_width // 2)
    observations = np.full((len(world.agents), mission.tokens, 3), EMPTY, dtype=np.uint8)
    for agent, row in zip(world.agents, observations):
        center = pack_location(mission, 0, 0)
        tokens = [(center, feature, value) for feature, value in list_global_tokens(world, agent)]
        for rows, columns in cells:
            for feature, value in tokens_by_cell.get(
                (agent.row + rows, agent.column + columns), ()
            ):
                tokens.append((pack_location(mission, rows, columns), feature, value))
        tokens = tokens[: mission.tokens]
        row[: len(tokens)] = tokens
    return observations


def list_cells(half_height: int, half_width: int) -> list[tuple[int, int]]:
    """Return row and column of the cells of a window, relative to the agent, in token order."""
    return sorted(
        (
            (row, column)
            for row in range(-half_height, half_height + 1)
            for column in range(-half_width, half_width + 1)
        ),
        key=lambda cell: (abs(cell[0]) + abs(cell[1]), *cell),
    )


def pack_location(mission, row: int, column: int) -> int:
    return (row + mission.window_height // 2) << 4 | (column + mission.window_width // 2)


def list_global_tokens(world: World, agent: Agent) -> Tokens:
    completion = 0
    if world.mission.max_steps:
        progress = float32(world.now) / float32(world.mission.max_steps)
        completion = round_half_away(progress * float32(255))
    # The engine pays rewards of statistics after it writes the observations.
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


def list_object_tokens(world: World, content: Agent | Station | str) -> Tokens:
    if isinstance(content, Agent):
        return list_agent_tokens(content)
    if isinstance(content, Station):
        return list_station_tokens(world, content)
    return [(TYPE_ID, 1)]


def list_agent_tokens(agent: Agent) -> Tokens:
    tokens = [(TYPE_ID, 0), (GROUP, 0), (FROZEN, 0), (ORIENTATION, agent.orientation)]
    if agent.glyph:
        tokens.append((GLYPH, agent.glyph))
    carried = enumerate(agent.inventory)
    return tokens + [(INVENTORY + resource, amount) for resource, amount in carried if amount]


def list_station_tokens(world: World, station: Station) -> Tokens:
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
