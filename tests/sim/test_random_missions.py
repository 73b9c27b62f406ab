"""Simulator against the reference implementation of the rules, on random missions."""

from collections import Counter

import numpy as np
import pytest
import torch

from daf.missions import Mission
from daf.missions.game_statistics import COUNTER_NAMES
from daf.sim.simulation import Simulation
from daf.sim.tables.maps import PaddedGridGeometry
from tests.sim.random_missions import draw_actions, draw_mission
from tests.sim.reference.observation import observe
from tests.sim.reference.randomness import (
    derive_world_seed,
    draw_layout,
    generate_clip_words,
    shuffle_agents,
)
from tests.sim.reference.world import World

WORLDS, STEPS = 2, 60
MOVES, INVALID = range(1, 5), 3


class ReferenceWorld:
    """Reference of one world of a simulation, over several episodes."""

    def __init__(self, mission: Mission, seed: int, world_index: int):
        self.mission, self.seed, self.world_index, self.episode = mission, seed, world_index, -1
        self.finished_counts = Counter()
        self.start_episode()

    def start_episode(self) -> None:
        self.episode += 1
        self.world_seed = derive_world_seed(self.seed, self.world_index, self.episode)
        self.layout = draw_layout(self.world_seed, len(self.mission.maps))
        words = generate_clip_words(self.world_seed)
        self.world = World(self.mission, self.mission.maps[self.layout], lambda: next(words))

    def step(self, actions: list[int], auto_reset: bool) -> None:
        world = self.world
        order = shuffle_agents(self.world_seed, world.now, len(world.agents))
        world.step(order, [self._decode(action) for action in actions])
        self.rewarded, self.done = [agent.reward for agent in world.agents], world.is_done
        if self.done and auto_reset:
            self.finished_counts = world.statistics.counts
            self.start_episode()

    def _decode(self, action: int) -> tuple[int, int]:
        """Return verb and argument of an index of the flat action list."""
        if not 0 <= action < self.mission.num_actions:
            return INVALID, action
        if action == 0:
            return 0, 0
        return (1, action - 1) if action in MOVES else (2, action - 5)


def assert_equal_states(
    simulation: Simulation, reference: ReferenceWorld, world_index: int
) -> None:
    state, world = simulation.state, reference.world

    def assert_equal(name: str, expected) -> None:
        actual = getattr(state, name)[world_index].numpy()
        expected = np.array(expected, dtype=np.float64).reshape(actual.shape)
        np.testing.assert_array_equal(actual, expected, err_msg=name)

    assert_equal("now", world.now)
    assert_equal("world_seed", reference.world_seed)
    assert_equal("layout", reference.layout)
    positions = np.array([(agent.row, agent.column) for agent in world.agents])
    assert_equal(
        "cell", PaddedGridGeometry.from_mission(simulation.mission).cell_indices(positions)
    )
    for name in ("orientation", "glyph", "inventory", "gained", "rewarded", "success"):
        assert_equal(name, [getattr(agent, name) for agent in world.agents])
    for name, attribute in {"cooldown_end": "end", "cooldown_duration": "duration"}.items():
        bits = np.array([getattr(station, attribute) for station in world.stations], np.uint32)
        assert_equal(name, bits.view(np.int32))
    assert_equal("cooldown_multiplier", [station.multiplier for station in world.stations])
    assert_equal("uses", [station.uses for station in world.stations])
    assert_equal("stock", [station.stock for station in world.stations])
    repairs = [station.repair for station in world.stations]
    assert_equal("repair", [-1 if repair is None else repair for repair in repairs])
    assert_equal("clip_weight", [station.weight for station in world.stations])
    assert_equal("last_chest_amount", world.statistics.last_chest_amount)
    names = simulation.statistic_names
    assert_equal("counters", [world.statistics.counts[name] for name in names])
    assert_equal("finished_counters", [reference.finished_counts[name] for name in names])
    np.testing.assert_array_equal(simulation.observations[world_index].numpy(), observe(world))


def compare(seed: int, device: str = "cpu") -> Counter:
    """Run a random mission in both implementations and return the statistics of all worlds."""
    mission = draw_mission(seed)
    auto_reset = seed % 2 == 0
    simulation = Simulation(mission, WORLDS, device, seed=seed, auto_reset=auto_reset)
    references = [ReferenceWorld(mission, seed, world_index) for world_index in range(WORLDS)]
    counts = Counter()
    for step in draw_actions(seed, STEPS, WORLDS, mission):
        for world_index, reference in enumerate(references):
            assert_equal_states(simulation, reference, world_index)
            reference.step(step[world_index].tolist(), auto_reset)
        _, rewards, done = simulation.step(torch.from_numpy(step))
        for world_index, reference in enumerate(references):
            np.testing.assert_array_equal(rewards[world_index].numpy(), reference.rewarded)
            assert done[world_index].item() == reference.done
    for reference in references:
        counts.update(reference.finished_counts)
        counts.update(reference.world.statistics.counts)
    return counts


def check_missions(seeds: range) -> None:
    counts = Counter()
    for seed in seeds:
        counts.update(compare(seed))
    # The missions must produce every event at least once.
    assert [name for name in COUNTER_NAMES if counts[name] == 0] == []


def test_random_missions():
    check_missions(range(23, 53))


@pytest.mark.slow
def test_many_random_missions():
    check_missions(range(1000, 1300))
