"""One mission in both engines: the same actions in the same order of agents, compared after every
step in everything that both can express."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from daf.config import ConfigError
from daf.mettagrid.station_handlers import COOLDOWN, USES
from daf.mettagrid.translate import mettagrid_config, rewards
from daf.missions import RESOURCES, Assembler, Mission
from daf.provenance.mettagrid_version import require_mettagrid
from daf.sim.simulation import OBSERVE_PHASES, Simulation

COMPARED = ("position", "inventory", "glyph", "reward", "stock", "cooldown", "uses left")
"""Of agents the first four, the reward where it can be translated; of stations the others."""


@dataclass(frozen=True)
class Difference:
    """Where the engines first differ.

    Attributes:
        seed: of the world.
        step: from 1; 0 is before the first.
        what: one of `COMPARED`.
        ours, theirs: its values, one for each agent or station.
    """

    seed: int
    step: int
    what: str
    ours: list
    theirs: list

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, step {self.step}: {self.what} differs: "
            f"{self.ours} here, {self.theirs} in mettagrid"
        )


def cross_check(
    mission: Mission, seeds: Sequence[int], steps: int, glyphs: int = 2
) -> Difference | None:
    """Play random actions in both engines.

    Args:
        mission: any that can be translated.
        seeds: of the worlds; each draws its own actions, and its order of agents from mettagrid's
            generator.
        steps: to play in each world.
        glyphs: how many glyphs are among the actions.

    Returns:
        the first difference, None if there is none.

    Raises:
        ConfigError: mettagrid is not installed, or cannot express the mission; one line.
    """
    unknown = () if rewards(mission) else ("reward",)
    compared = [what for what in COMPARED if what not in unknown]
    for now, ours, theirs in step_both(mission, seeds, steps, glyphs):
        here = ours.comparable_state()
        for world, seed in enumerate(seeds):
            there = theirs[world].comparable_state()
            for what in compared:
                if not np.array_equal(here[what][world], there[what]):
                    values = here[what][world].tolist(), there[what].tolist()
                    return Difference(seed, now, what, *values)
    return None


def step_both(
    mission: Mission, seeds: Sequence[int], steps: int, glyphs: int = 2
) -> Iterator[tuple[int, "DAFEngine", list["MettagridEngine"]]]:
    """Play both engines side by side, with the arguments of `cross_check`. Yields (step, ours,
    theirs) at the start and after every step."""
    require_mettagrid("the cross-check")
    if max(seeds) >= 2**32 or min(seeds) < 0:
        raise ConfigError(f"seeds: got {min(seeds)} to {max(seeds)}; they have 32 bits, unsigned")
    ours = DAFEngine(mission, len(seeds))
    theirs = [MettagridEngine(mission, seed) for seed in seeds]
    orders = [_orders(seed, mission.num_agents) for seed in seeds]
    choices = 5 + min(glyphs, mission.glyphs)
    draws = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
    yield 0, ours, theirs
    for now in range(1, steps + 1):
        actions = np.stack([draw.integers(choices, size=mission.num_agents) for draw in draws])
        for engine, chosen in zip(theirs, actions):
            engine.step(chosen)
        ours.play(actions, np.array([next(order) for order in orders]))
        yield now, ours, theirs


class DAFEngine(Simulation):
    """Worlds in which the order of agents is given."""

    def play(self, actions: np.ndarray, order: np.ndarray) -> None:
        """One step with flat actions [E, A] and, for each turn, who acts [E, A]."""
        self._actions.copy_(torch.from_numpy(actions))
        for shard in self._shards:
            shard.launch(("prepare",), None)
        self.state.order.copy_(torch.from_numpy(order))
        for shard in self._shards:
            shard.launch(("advance", *OBSERVE_PHASES), None)

    def comparable_state(self) -> dict[str, np.ndarray]:
        """What is compared, with the worlds as first axis."""
        state, data = self.state, self.tables.data
        row, column = np.divmod(state.cell.numpy().astype(np.int64), self.tables.padded_width)
        position = np.stack([row - self.tables.pad_rows, column - self.tables.pad_columns], -1)
        kind = data["station_type"][0]
        limit = data["max_uses"][kind]
        left = state.cooldown_end.numpy() - state.now.numpy()[:, None]
        machine = data["chest_resource"][kind] < 0
        return {
            "position": position,
            "inventory": state.inventory.numpy(),
            "glyph": state.glyph.numpy(),
            "reward": state.rewards.numpy(),
            "stock": state.stock.numpy(),
            "cooldown": np.maximum(left, 0) * machine,
            "uses left": np.where(limit > 0, limit - state.uses.numpy(), 0),
        }


class MettagridEngine:
    """One world of mettagrid's engine."""

    def __init__(self, mission: Mission, seed: int):
        from mettagrid.simulator import Simulation as Engine

        self.engine = Engine(mettagrid_config(mission), seed=seed)
        names = self.engine.resource_names
        self.amounts = [names.index(resource) for resource in RESOURCES]
        self.left, self.uses = names.index(COOLDOWN), names.index(USES)
        stations = mission.cells_with(*mission.stations)
        self.places = {(row, column): n for n, (row, column, _) in enumerate(stations)}
        self.chests = {
            number: names.index(mission.stations[name].resource)
            for number, (_, _, name) in enumerate(stations)
            if not isinstance(mission.stations[name], Assembler)
        }
        self.num_agents = mission.num_agents

    def step(self, actions: np.ndarray) -> None:
        """One step with flat actions [A]; glyphs are vibes, which have a list of their own."""
        moves = actions < 5
        self.engine._c_sim.actions()[:] = np.where(moves, actions, 0)
        self.engine._c_sim.vibe_actions()[:] = np.where(moves, 0, actions)
        self.engine.step()

    def observed(self) -> np.ndarray:
        """What the agents see, uint8 [A, T, 3], and empty tokens behind."""
        return self.engine._c_sim.observations()

    def comparable_state(self) -> dict[str, np.ndarray]:
        """What is compared."""
        agents, stations = self.num_agents, len(self.places)
        found: dict[str, Any] = {
            "position": np.zeros((agents, 2), dtype=np.int64),
            "inventory": np.zeros((agents, len(RESOURCES)), dtype=np.int64),
            "glyph": np.zeros(agents, dtype=np.int64),
            "reward": np.array(self.engine._c_sim.rewards()),
            "stock": np.zeros(stations, dtype=np.int64),
            "cooldown": np.zeros(stations, dtype=np.int64),
            "uses left": np.zeros(stations, dtype=np.int64),
        }
        for thing in self.engine.grid_objects(ignore_types=["wall"]).values():
            carried = thing["inventory"]
            if "agent_id" in thing:
                agent = thing["agent_id"]
                found["position"][agent] = thing["r"], thing["c"]
                found["inventory"][agent] = [carried.get(item, 0) for item in self.amounts]
                found["glyph"][agent] = thing["vibe"]
            else:
                station = self.places[thing["r"], thing["c"]]
                found["cooldown"][station] = carried.get(self.left, 0)
                found["uses left"][station] = carried.get(self.uses, 0)
                if station in self.chests:
                    found["stock"][station] = carried.get(self.chests[station], 0)
        return found


def _orders(seed: int, agents: int) -> Iterator[list[int]]:
    """The order in which mettagrid's agents act, step by step: libstdc++'s shuffle of a Mersenne
    Twister, two places from one number while they come in pairs (RULES 10)."""
    twister = np.random.RandomState(seed)

    def below(n: int) -> int:
        """An integer below n by D. Lemire's method (2019), as libstdc++ has it."""
        product = int(twister.randint(0, 2**32, dtype=np.uint32)) * n
        while product % 2**32 < (2**32 - n) % n:
            product = int(twister.randint(0, 2**32, dtype=np.uint32)) * n
        return product >> 32

    while True:
        order = list(range(agents))
        place = 1
        if agents % 2 == 0:
            _swap(order, 1, below(2))
            place = 2
        while place < agents:
            first, second = divmod(below((place + 1) * (place + 2)), place + 2)
            _swap(order, place, first)
            _swap(order, place + 1, second)
            place += 2
        yield order


def _swap(order: list[int], one: int, other: int) -> None:
    order[one], order[other] = order[other], order[one]
