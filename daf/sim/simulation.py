"""The simulation: E worlds of one mission, stepped together."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import pairwise
from typing import Any

import torch
import warp as wp

from daf.missions import Mission
from daf.missions.game_statistics import statistic_names
from daf.sim.counters import HEARTS_STORED
from daf.sim.shard import Shard
from daf.sim.state import State
from daf.sim.tables.build import MissionTables

OBSERVE_PHASES = ("describe", "observe")
"""The phases that write the observations."""

INTEGERS = (
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
)
"""Types of actions. A uint64 beyond int64 becomes negative, and so stays outside the list."""

ROWS_PER_THREAD = 2048
"""Agents for which a further thread saves more than it costs."""


class Simulation:
    """E independent worlds of one mission on one device.

    A world's course depends on its seed and its actions alone: not on E, on the device or on the
    worlds beside it. Its seed also says on which layout it is played, if the mission has several.
    `step` and `reset` never wait for the device and can be captured in a CUDA graph (capture after
    one warm-up call, which compiles the kernels).

    Attributes:
        observations: uint8 [E, A, T, 3] tokens (location, feature, value), 255 = none.
        rewards: float32 [E, A] what the engine paid for the last step.
        done: bool [E] the step limit is reached.
        counters: int32 [E, K] game statistics of the running episodes, named `statistic_names`.
        finished: int32 [E, K] the same for the last episode finished in each world.
        state: all tensors that change.

    These are views of the simulation's own memory, overwritten by the next step.
    """

    def __init__(
        self,
        mission: Mission,
        num_worlds: int,
        device: str = "cpu",
        seed: int = 0,
        auto_reset: bool = False,
        threads: int | None = None,
        first_world: int = 0,
    ):
        """
        Args:
            mission: what is played.
            num_worlds: E.
            device: "cpu", "cuda" or "cuda:N".
            seed: of the simulation; world seeds are derived from (seed, world, episode).
            auto_reset: begin a new episode in every finished world at the end of `step`; the
                observation returned is then the first of the new episode.
            threads: CPU threads that step the worlds, as many as torch uses by default; fewer where
                there is too little to do. The bytes are the same for any number.
            first_world: the number of its first world, where several simulations share the worlds
                of one seed.

        Raises:
            ValueError: fewer than one world or thread, or a device that does not exist.
        """
        if num_worlds < 1:
            raise ValueError(f"num_worlds: got {num_worlds}; at least 1 is needed")
        threads = torch.get_num_threads() if threads is None else threads
        if threads < 1:
            raise ValueError(f"threads: got {threads}; at least 1 is needed")
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"device: got '{device}', but torch finds no CUDA device")
        self.mission = mission
        self.num_worlds = num_worlds
        self.num_agents = mission.num_agents
        self.device = device
        self.seed = seed
        self.first_world = first_world
        self.auto_reset = auto_reset
        self.tables = MissionTables(mission, device)
        self.statistic_names = statistic_names(mission)
        self._allocate()
        self._shards = self._make_shards(threads)
        self._pool = ThreadPoolExecutor(len(self._shards) - 1) if len(self._shards) > 1 else None
        self._phases = ("prepare", "advance", *(("reset",) if auto_reset else ()), *OBSERVE_PHASES)
        self.reset()

    def _allocate(self) -> None:
        shape = (self.num_worlds, self.num_agents)
        self.state = State.allocate(self.tables, self.num_worlds, self.device)
        self.observations = torch.full(
            (*shape, self.mission.tokens, 3), 255, dtype=torch.uint8, device=self.device
        )
        self.rewards = self.state.rewards
        self.done = self.state.done
        self.counters = self.state.counters
        self.finished = self.state.finished_counters
        self._actions = torch.zeros(shape, dtype=torch.int64, device=self.device)
        self._all_worlds = torch.ones(self.num_worlds, dtype=torch.bool, device=self.device)

    def _make_shards(self, threads: int) -> list[Shard]:
        if torch.device(self.device).type == "cuda":
            threads = 1
        rows = self.num_worlds * self.num_agents
        count = min(threads, self.num_worlds, max(rows // ROWS_PER_THREAD, 1))
        ends = [self.num_worlds * k // count for k in range(count + 1)]
        memory = (self.tables, self.state, self.observations, self._actions)
        return [
            Shard(*memory, slice(*pair), self.seed, self.first_world) for pair in pairwise(ends)
        ]

    def reset(
        self, worlds: torch.Tensor | None = None, world_seeds: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Begin a new episode.

        Args:
            worlds: bool [E], which worlds; all by default.
            world_seeds: int64 [E], the seeds of the new episodes; derived by default.

        Returns:
            observations, uint8 [E, A, T, 3].
        """
        chosen = self._all_worlds if worlds is None else worlds
        stream = torch_stream(self.device)
        for shard in self._shards:
            shard.reset(chosen, world_seeds, stream)
        return self.observations

    def step(self, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Let every agent act once.

        Args:
            actions: integers of any type [E, A] over the flat action list (noop, move N S W E,
                glyph 0, 1 ...); a number outside it is an invalid action and does nothing.

        Returns:
            observations uint8 [E, A, T, 3], rewards float32 [E, A], done bool [E].

        Raises:
            ValueError: `actions` is no tensor of integers of this shape.
        """
        if not self._are_actions(actions):
            raise ValueError(self._no_actions(actions))
        self._actions.copy_(actions)
        stream = torch_stream(self.device)
        first, *others = self._shards
        running = [self._pool.submit(shard.launch, self._phases, stream) for shard in others]
        try:
            first.launch(self._phases, stream)
        finally:
            for shard in running:
                shard.result()
        return self.observations, self.rewards, self.done

    def _are_actions(self, actions: torch.Tensor) -> bool:
        return (
            isinstance(actions, torch.Tensor)
            and actions.shape == self._actions.shape
            and actions.dtype in INTEGERS
            and actions.layout == torch.strided
            and not actions.is_meta
        )

    def _no_actions(self, actions: Any) -> str:
        """What is said of them."""
        got = type(actions).__name__
        if isinstance(actions, torch.Tensor):
            got = f"{actions.dtype} {tuple(actions.shape)} {actions.layout} on {actions.device}"
        shape = tuple(self._actions.shape)
        return f"actions: got {got}; a dense tensor of integers of shape {shape} is needed"

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All that decides how the worlds go on: views of the state's tensors by name, and
        `observations`."""
        tensors = {field.name: getattr(self.state, field.name) for field in fields(self.state)}
        return tensors | {"observations": self.observations}

    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        """Put the worlds where `state_dict` found them.

        Raises:
            KeyError, RuntimeError: the tensors are of another mission or number of worlds.
        """
        for name, tensor in self.state_dict().items():
            if tensors[name].shape != tensor.shape or tensors[name].dtype != tensor.dtype:
                raise RuntimeError(f"{name} is of another mission or number of worlds")
            tensor.copy_(tensors[name])

    def score(self) -> torch.Tensor:
        """Hearts in the chests of each world now, less those at the start, int32 [E]."""
        return self.counters[:, HEARTS_STORED]


def torch_stream(device: str | torch.device) -> wp.Stream | None:
    """The stream that torch uses now, None on the CPU.

    Kernels are launched on it without synchronising, so that order and graph capture are torch's.
    """
    if torch.device(device).type == "cpu":
        return None
    return wp.stream_from_torch(torch.cuda.current_stream(device))
