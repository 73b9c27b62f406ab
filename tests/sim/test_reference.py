"""The plain restatement of the rules against recordings of the engine, byte for byte."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from daf.missions import RESOURCES, Assembler
from daf.sim.parity import mission_of
from tests.sim.reference.observation import observe
from tests.sim.reference.randomness import generate_engine_orders, generate_engine_words
from tests.sim.reference.world import World
from tests.sim.test_parity import RECORDINGS, load

LONG = 2500
"""Agents times steps from which on a recording takes a second."""


def mark(path: Path):
    meta = json.loads(path.read_text())
    is_long = meta["steps"] * meta["num_agents"] > LONG
    return pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if is_long else [])


class Replay:
    """A world that does what a recording says; its rows are those of the recording."""

    def __init__(self, meta):
        mission = mission_of(meta)
        words = generate_engine_words(meta["seed"])
        filled = [
            (row, column)
            for row, line in enumerate(mission.map)
            for column, symbol in enumerate(line)
            if mission.legend[symbol] != "floor"
        ]
        self.ids = {cell: number for number, cell in enumerate(filled, start=1)}
        cells = [cell[:2] for cell in mission.cells_with(*mission.stations)]
        walk = [cells.index(filled[number - 1]) for number in meta["clip_order"]]
        self.world = World(mission, mission.map, lambda: next(words), walk)

    def overwrite(self, chosen, inventories) -> None:
        for agent, is_chosen, inventory in zip(self.world.agents, chosen, inventories.tolist()):
            if is_chosen:
                agent.inventory = inventory
                agent.gained = [old + new for old, new in zip(agent.gained, inventory)]

    def agents(self) -> list:
        return [
            [agent.row, agent.column, agent.orientation, agent.glyph, 0, *agent.inventory]
            for agent in self.world.agents
        ]

    def stations(self) -> list:
        return [self._station(station) for station in self.world.stations]

    def _station(self, station) -> list:
        rule, now = station.rule, self.world.now
        is_chest = not isinstance(rule, Assembler)
        return [
            self.ids[station.row, station.column],
            rule.type_id,
            station.row,
            station.column,
            is_chest,
            station.repair is not None,
            -1 if station.repair is None else station.repair,
            station.end,
            station.duration,
            max(station.end - now, 0),
            station.uses,
            0 if is_chest else rule.max_uses,
            RESOURCES.index(rule.resource) if is_chest else -1,
            station.stock,
        ]

    def clip_weights(self) -> list:
        return [station.weight if station.is_clippable else -1 for station in self.world.stations]


@pytest.mark.parametrize("path", [mark(path) for path in RECORDINGS])
def test_the_reference_does_what_the_engine_did(path):
    meta, recorded = load(path)
    replay = Replay(meta)
    world, steps = replay.world, meta["steps"]
    orders = list(islice(generate_engine_orders(meta["seed"], meta["num_agents"]), steps))
    np.testing.assert_array_equal(recorded["order"], orders)
    for t in range(steps + 1):
        np.testing.assert_array_equal(observe(world), recorded["obs"][t])
        np.testing.assert_array_equal(replay.agents(), recorded["agents"][t])
        stations = np.array(replay.stations(), dtype=np.int64).astype(np.uint32).view(np.int32)
        np.testing.assert_array_equal(stations, recorded["stations"][t])
        np.testing.assert_array_equal(replay.clip_weights(), recorded["clip_weights"][t])
        if t == steps:
            break
        replay.overwrite(recorded["intervened"][t], recorded["inv_pre"][t])
        world.step(orders[t], [tuple(pair) for pair in recorded["actions"][t].tolist()])
        assert [agent.reward for agent in world.agents] == recorded["rewards"][t].tolist()
        assert [agent.success for agent in world.agents] == recorded["success"][t].tolist()
        done = "truncations" if world.mission.truncates else "terminals"
        assert recorded[done][t].tolist() == [world.is_done] * len(world.agents)
    for resource, amount in zip(RESOURCES, world.statistics.last_chest_amount):
        assert amount == meta["game_stats"].get(f"chest.{resource}.amount", 0)
