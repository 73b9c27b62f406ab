"""Byte-exact comparison of the reference implementation with recordings of the engine."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from daf.missions import RESOURCES, Assembler
from daf.sim.recorded_mission import mission_from_recording
from tests.sim.reference.observation import observe
from tests.sim.reference.randomness import generate_engine_orders, generate_engine_words
from tests.sim.reference.world import World
from tests.sim.test_parity import RECORDINGS, load

LONG = 2500
"""Agent-steps of a recording that takes about 1 s."""


def mark_if_slow(path: Path):
    metadata = json.loads(path.read_text())
    is_long = metadata["steps"] * metadata["num_agents"] > LONG
    return pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if is_long else [])


class Replay:
    """A reference world with the inputs of a recording, and its state in the recorded format."""

    def __init__(self, metadata):
        mission = mission_from_recording(metadata)
        words = generate_engine_words(metadata["seed"])
        objects = [
            (row, column)
            for row, line in enumerate(mission.map)
            for column, symbol in enumerate(line)
            if mission.legend[symbol] != "floor"
        ]
        self.ids = {cell: station_id for station_id, cell in enumerate(objects, start=1)}
        cells = [cell[:2] for cell in mission.find_cells_with(*mission.stations)]
        walk = [cells.index(objects[station_id - 1]) for station_id in metadata["clip_order"]]
        self.world = World(mission, mission.map, lambda: next(words), walk)

    def set_inventories(self, agent_mask, new_inventory) -> None:
        for agent, is_set, inventory in zip(self.world.agents, agent_mask, new_inventory.tolist()):
            if is_set:
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


@pytest.mark.parametrize("path", [mark_if_slow(path) for path in RECORDINGS])
def test_recordings_are_reproduced(path):
    metadata, recorded = load(path)
    replay = Replay(metadata)
    world, steps = replay.world, metadata["steps"]
    orders = list(islice(generate_engine_orders(metadata["seed"], metadata["num_agents"]), steps))
    np.testing.assert_array_equal(recorded["order"], orders)
    for step in range(steps + 1):
        np.testing.assert_array_equal(observe(world), recorded["obs"][step])
        np.testing.assert_array_equal(replay.agents(), recorded["agents"][step])
        stations = np.array(replay.stations(), dtype=np.int64).astype(np.uint32).view(np.int32)
        np.testing.assert_array_equal(stations, recorded["stations"][step])
        np.testing.assert_array_equal(replay.clip_weights(), recorded["clip_weights"][step])
        if step == steps:
            break
        replay.set_inventories(recorded["intervened"][step], recorded["inv_pre"][step])
        world.step(orders[step], [tuple(pair) for pair in recorded["actions"][step].tolist()])
        assert [agent.reward for agent in world.agents] == recorded["rewards"][step].tolist()
        assert [agent.success for agent in world.agents] == recorded["success"][step].tolist()
        done = "truncations" if world.mission.truncates else "terminals"
        assert recorded[done][step].tolist() == [world.is_done] * len(world.agents)
    for resource, amount in zip(RESOURCES, world.statistics.last_chest_amount):
        assert amount == metadata["game_stats"].get(f"chest.{resource}.amount", 0)
