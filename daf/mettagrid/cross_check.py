"""Cross-check of both engines: one mission, the same actions, states compared after every step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from daf.config import ConfigError
from daf.mettagrid.assembler_handlers import COOLDOWN, USES
from daf.mettagrid.translate import build_mettagrid_config, try_translate_rewards
from daf.missions import RESOURCES, Chest, Mission
from daf.provenance.mettagrid_version import require_mettagrid
from daf.sim.simulation import OBSERVE_PHASES, Simulation

COMPARED_FIELDS = ("position", "inventory", "glyph", "reward", "stock", "cooldown", "uses left")
"""Compared fields: 4 of agents (the reward if translatable), then 3 of stations."""


@dataclass(frozen=True)
class EngineDifference:
    """First difference between the engines.

    Attributes:
        seed: seed of the world.
        step: index of the step, from 1; 0 is the initial state.
        field: one of `COMPARED_FIELDS`.
        daf_values: values of DAF, one per agent or station.
        mettagrid_values: values of mettagrid.
    """

    seed: int
    step: int
    field: str
    daf_values: list
    mettagrid_values: list

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, step {self.step}: {self.field} differs: "
            f"{self.daf_values} in DAF, {self.mettagrid_values} in mettagrid"
        )


class EnginesAtStep(NamedTuple):
    """Both engines after a step.

    Attributes:
        step: index of the step, from 1; 0 is the initial state.
        daf_engine: engine of DAF with all worlds.
        mettagrid_engines: engines of mettagrid with one world each.
    """

    step: int
    daf_engine: "DAFEngine"
    mettagrid_engines: list["MettagridEngine"]


def compare_engines(
    mission: Mission, seeds: Sequence[int], num_steps: int, num_glyphs: int = 2
) -> EngineDifference | None:
    """Compare both engines under random actions.

    Args:
        mission: translatable mission.
        seeds: seeds of the worlds; each determines the random actions, and the order of agents by
            the generator of mettagrid.
        num_steps: steps of each world.
        num_glyphs: number of glyphs among the actions.

    Returns:
        the first difference; None for equal engines.

    Raises:
        ConfigError: mettagrid is not installed, or cannot express the mission; one line.
    """
    excluded = () if try_translate_rewards(mission) else ("reward",)
    fields = [field for field in COMPARED_FIELDS if field not in excluded]
    for step, daf_engine, mettagrid_engines in step_both_engines(
        mission, seeds, num_steps, num_glyphs
    ):
        daf_state = daf_engine.comparable_state()
        for world, seed in enumerate(seeds):
            mettagrid_state = mettagrid_engines[world].comparable_state()
            for field in fields:
                daf_values, mettagrid_values = daf_state[field][world], mettagrid_state[field]
                if not np.array_equal(daf_values, mettagrid_values):
                    values = daf_values.tolist(), mettagrid_values.tolist()
                    return EngineDifference(seed, step, field, *values)
    return None


def step_both_engines(
    mission: Mission, seeds: Sequence[int], num_steps: int, num_glyphs: int = 2
) -> Iterator[EnginesAtStep]:
    """Run both engines with equal random actions; arguments as in `compare_engines`.

    Yields:
        both engines at the start and after every step.
    """
    require_mettagrid("the cross-check")
    if max(seeds) >= 2**32 or min(seeds) < 0:
        raise ConfigError(f"seeds: got {min(seeds)} to {max(seeds)}; expected 0 to {2**32 - 1}")
    daf_engine = DAFEngine(mission, len(seeds))
    mettagrid_engines = [MettagridEngine(mission, seed) for seed in seeds]
    orders = [_agent_orders_by_step(seed, mission.num_agents) for seed in seeds]
    num_actions = 5 + min(num_glyphs, mission.glyphs)
    generators = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
    yield EnginesAtStep(0, daf_engine, mettagrid_engines)
    for step in range(1, num_steps + 1):
        actions = np.stack(
            [rng.integers(num_actions, size=mission.num_agents) for rng in generators]
        )
        for engine, world_actions in zip(mettagrid_engines, actions):
            engine.step(world_actions)
        daf_engine.step_in_order(actions, np.array([next(order) for order in orders]))
        yield EnginesAtStep(step, daf_engine, mettagrid_engines)


class DAFEngine(Simulation):
    """Simulation with a prescribed order of agents."""

    def step_in_order(self, actions: np.ndarray, agent_order: np.ndarray) -> None:
        """Step all worlds.

        Args:
            actions: int [E, A], flat actions.
            agent_order: int [E, A], agent that acts at each turn.
        """
        self._actions.copy_(torch.from_numpy(actions))
        for shard in self._shards:
            shard.launch(("prepare",), None)
        self.state.order.copy_(torch.from_numpy(agent_order))
        for shard in self._shards:
            shard.launch(("advance", *OBSERVE_PHASES), None)

    def comparable_state(self) -> dict[str, np.ndarray]:
        """Return the compared fields; the first axis is E."""
        state, data = self.state, self.tables.data
        row, column = np.divmod(state.cell.numpy().astype(np.int64), self.tables.padded_width)
        position = np.stack([row - self.tables.pad_rows, column - self.tables.pad_columns], -1)
        station_type = data["station_type"][0]
        max_uses = data["max_uses"][station_type]
        cooldown = state.cooldown_end.numpy() - state.now.numpy()[:, None]
        is_assembler = data["chest_resource"][station_type] < 0
        return {
            "position": position,
            "inventory": state.inventory.numpy(),
            "glyph": state.glyph.numpy(),
            "reward": state.rewards.numpy(),
            "stock": state.stock.numpy(),
            "cooldown": np.maximum(cooldown, 0) * is_assembler,
            "uses left": np.where(max_uses > 0, max_uses - state.uses.numpy(), 0),
        }


class MettagridEngine:
    """One world in the engine of mettagrid."""

    def __init__(self, mission: Mission, seed: int):
        from mettagrid.simulator import Simulation as Engine

        self.engine = Engine(build_mettagrid_config(mission), seed=seed)
        names = self.engine.resource_names
        self._resource_ids = [names.index(resource) for resource in RESOURCES]
        self._cooldown_id, self._uses_id = names.index(COOLDOWN), names.index(USES)
        stations = mission.find_cells_with(*mission.stations)
        self._station_at = {(row, column): n for n, (row, column, _) in enumerate(stations)}
        self._chest_resource_ids = {
            station: names.index(chest.resource)
            for station, (_, _, name) in enumerate(stations)
            if isinstance(chest := mission.stations[name], Chest)
        }
        self.num_agents = mission.num_agents

    def step(self, actions: np.ndarray) -> None:
        """Step the world with flat actions int [A]; glyphs become vibe actions."""
        is_move = actions < 5
        self.engine._c_sim.actions()[:] = np.where(is_move, actions, 0)
        self.engine._c_sim.vibe_actions()[:] = np.where(is_move, 0, actions)
        self.engine.step()

    def observations(self) -> np.ndarray:
        """Return the observations of all agents, uint8 [A, T, 3]."""
        return self.engine._c_sim.observations()

    def comparable_state(self) -> dict[str, np.ndarray]:
        """Return the compared fields."""
        num_stations = len(self._station_at)
        state: dict[str, Any] = {
            "position": np.zeros((self.num_agents, 2), dtype=np.int64),
            "inventory": np.zeros((self.num_agents, len(RESOURCES)), dtype=np.int64),
            "glyph": np.zeros(self.num_agents, dtype=np.int64),
            "reward": np.array(self.engine._c_sim.rewards()),
            "stock": np.zeros(num_stations, dtype=np.int64),
            "cooldown": np.zeros(num_stations, dtype=np.int64),
            "uses left": np.zeros(num_stations, dtype=np.int64),
        }
        for grid_object in self.engine.grid_objects(ignore_types=["wall"]).values():
            inventory = grid_object["inventory"]
            if "agent_id" in grid_object:
                agent = grid_object["agent_id"]
                state["position"][agent] = grid_object["r"], grid_object["c"]
                state["inventory"][agent] = [inventory.get(r, 0) for r in self._resource_ids]
                state["glyph"][agent] = grid_object["vibe"]
            else:
                station = self._station_at[grid_object["r"], grid_object["c"]]
                state["cooldown"][station] = inventory.get(self._cooldown_id, 0)
                state["uses left"][station] = inventory.get(self._uses_id, 0)
                if station in self._chest_resource_ids:
                    resource_id = self._chest_resource_ids[station]
                    state["stock"][station] = inventory.get(resource_id, 0)
        return state


def _agent_orders_by_step(seed: int, num_agents: int) -> Iterator[list[int]]:
    """Yield the order in which the agents of mettagrid act, step by step.

    It is the shuffle of libstdc++ with a Mersenne Twister: one random number gives two positions
    (RULES 10).
    """
    twister = np.random.RandomState(seed)

    def uniform_below(n: int) -> int:
        """Return a random integer below n by the method of Lemire (2019), as in libstdc++."""
        product = int(twister.randint(0, 2**32, dtype=np.uint32)) * n
        while product % 2**32 < (2**32 - n) % n:
            product = int(twister.randint(0, 2**32, dtype=np.uint32)) * n
        return product >> 32

    while True:
        order = list(range(num_agents))
        position = 1
        if num_agents % 2 == 0:
            _swap(order, 1, uniform_below(2))
            position = 2
        while position < num_agents:
            random_pair = uniform_below((position + 1) * (position + 2))
            first, second = divmod(random_pair, position + 2)
            _swap(order, position, first)
            _swap(order, position + 1, second)
            position += 2
        yield order


def _swap(order: list[int], i: int, j: int) -> None:
    order[i], order[j] = order[j], order[i]
