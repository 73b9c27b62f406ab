"""Simulation: step E worlds of one mission on CPU or GPU."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import warp as wp

from daf.missions import Mission
from daf.missions.game_statistics import statistic_names
from daf.sim.counters import HEARTS_STORED
from daf.sim.shard import Phase, ThreadShard
from daf.sim.state import State
from daf.sim.tables.build import MissionTables

OBSERVE_PHASES: tuple[Phase, ...] = ("describe", "observe")
"""Phases that write the observations."""

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
"""Accepted types of actions. A uint64 above the range of int64 wraps to an invalid action."""

ROWS_PER_THREAD = 2048
"""Minimum number of rows per CPU thread; smaller shards cost more than they save."""


class StepResult(NamedTuple):
    """Tensors of a step, which the next step overwrites.

    Attributes:
        observations: uint8 [E, A, T, 3], tokens (location, feature, value), 255 = empty.
        rewards: float32 [E, A].
        done: bool [E], step limit reached.
    """

    observations: torch.Tensor
    rewards: torch.Tensor
    done: torch.Tensor


class Simulation:
    """E independent worlds (parallel environments) of one mission on one device.

    The course of a world depends only on its seed and its actions: not on E, on the device or on
    other worlds. If the mission has several layouts, the seed also selects the layout. `step` and
    `reset` do not synchronize with the device. A CUDA graph can capture them after one warm-up
    call, which compiles the kernels.

    The tensors are views of the simulation's memory; the next step overwrites them. Copying and
    pickling copy the state.

    Args:
        mission: mission of all worlds.
        num_worlds: number of worlds E.
        device: "cpu", "cuda" or "cuda:N".
        seed: seed of the simulation; world seeds are derived from (seed, world, episode).
        auto_reset: reset finished worlds at the end of `step`, which then returns the first
            observation of the new episode with the rewards and `done` of the finished one.
        threads: maximum number of CPU threads, by default that of torch. Small simulations use
            fewer. The results are the same for any number.
        first_world: index of the first world, for several simulations that share the worlds of
            one seed.

    Raises:
        ValueError: invalid number of worlds or threads, or unavailable device.

    Attributes:
        observations: uint8 [E, A, T, 3], tokens (location, feature, value), 255 = empty.
        rewards: float32 [E, A], rewards of the last step.
        done: bool [E], step limit reached.
        counters: int32 [E, C], game statistics of the running episodes, by `statistic_names`.
        finished_counters: int32 [E, C], game statistics of the last finished episodes.
        state: state tensors of all worlds.
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
        if num_worlds < 1:
            raise ValueError(f"num_worlds: got {num_worlds}; expected at least 1")
        threads = torch.get_num_threads() if threads is None else threads
        if threads < 1:
            raise ValueError(f"threads: got {threads}; expected at least 1")
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"device: got '{device}'; torch has no CUDA device")
        self.mission = mission
        self.num_worlds = num_worlds
        self.num_agents = mission.num_agents
        self.device = device
        self.first_world = first_world
        self.auto_reset = auto_reset
        self.threads = threads
        self.tables = MissionTables(mission, device)
        self.statistic_names = statistic_names(mission)
        self._allocate_tensors()
        self.state.base_seed.fill_(seed)
        self._shards = self._make_shards(threads)
        # The pool starts its threads at the first call; with one shard there is none.
        self._pool = ThreadPoolExecutor(max(len(self._shards) - 1, 1))
        self._phases: tuple[Phase, ...] = (
            "prepare",
            "advance",
            *(("reset",) if auto_reset else ()),
            *OBSERVE_PHASES,
        )
        self.reset()

    def _allocate_tensors(self) -> None:
        rows_shape = (self.num_worlds, self.num_agents)
        self.state = State.allocate(self.tables, self.num_worlds, self.device)
        self.observations = torch.full(
            (*rows_shape, self.mission.tokens, 3), 255, dtype=torch.uint8, device=self.device
        )
        self.rewards = self.state.rewards
        self.done = self.state.done
        self._step_result = StepResult(self.observations, self.rewards, self.done)
        self.counters = self.state.counters
        self.finished_counters = self.state.finished_counters
        self._actions = torch.zeros(rows_shape, dtype=torch.int64, device=self.device)
        self._all_worlds = torch.ones(self.num_worlds, dtype=torch.bool, device=self.device)

    def _make_shards(self, max_shards: int) -> list[ThreadShard]:
        if torch.device(self.device).type == "cuda":
            max_shards = 1
        rows = self.num_worlds * self.num_agents
        num_shards = min(max_shards, self.num_worlds, max(rows // ROWS_PER_THREAD, 1))
        ends = [self.num_worlds * shard // num_shards for shard in range(num_shards + 1)]
        shared = (self.tables, self.state, self.observations, self._actions)
        return [ThreadShard(*shared, slice(*bounds), self.first_world) for bounds in pairwise(ends)]

    def reset(
        self,
        world_mask: torch.Tensor | None = None,
        world_seeds: torch.Tensor | None = None,
        *,
        seed: int | torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Start a new episode in the selected worlds.

        Args:
            world_mask: bool [E], worlds to reset; all by default.
            world_seeds: int64 [E], seeds of the new episodes; derived by default.
            seed: seed of the simulation, or int64 [E]: one per world. The selected worlds start
                again at their first episode, as those of a new simulation of this seed.

        Returns:
            observations: uint8 [E, A, T, 3].
        """
        world_mask = self._all_worlds if world_mask is None else world_mask
        if seed is not None:
            seeds = torch.as_tensor(seed, dtype=torch.int64, device=self.device)
            self.state.base_seed.copy_(torch.where(world_mask, seeds, self.state.base_seed))
            self.state.episode.masked_fill_(world_mask, 0)
        stream = current_torch_stream(self.device)
        for shard in self._shards:
            shard.reset(world_mask, world_seeds, stream)
        return self.observations

    def step(self, actions: torch.Tensor) -> StepResult:
        """Apply one action of every agent.

        Args:
            actions: integers of any type [E, A], indices into the flat action list (noop, move
                N S W E, glyph 0, 1, ...). An index outside the list is an invalid action.

        Returns:
            observations, rewards and done; also in the attributes of these names.

        Raises:
            ValueError: `actions` is not a dense integer tensor of this shape.
        """
        if not self._is_valid_action_tensor(actions):
            raise ValueError(self._invalid_actions_message(actions))
        self._actions.copy_(actions)
        stream = current_torch_stream(self.device)
        first_shard, *other_shards = self._shards
        futures = [self._pool.submit(shard.launch, self._phases, stream) for shard in other_shards]
        try:
            first_shard.launch(self._phases, stream)
        finally:
            for future in futures:
                future.result()
        return self._step_result

    def _is_valid_action_tensor(self, actions: torch.Tensor) -> bool:
        return (
            isinstance(actions, torch.Tensor)
            and actions.shape == self._actions.shape
            and actions.dtype in INTEGERS
            and actions.layout == torch.strided
            and not actions.is_meta
        )

    def _invalid_actions_message(self, actions: Any) -> str:
        got = type(actions).__name__
        if isinstance(actions, torch.Tensor):
            got = f"{actions.dtype} {tuple(actions.shape)} {actions.layout} on {actions.device}"
        shape = tuple(self._actions.shape)
        return f"actions: got {got}; expected a dense integer tensor of shape {shape}"

    def __reduce__(self):
        arguments = (
            self.mission,
            self.num_worlds,
            self.device,
            0,  # the state contains the seed
            self.auto_reset,
            self.threads,
            self.first_world,
        )
        return type(self), arguments, self.state_dict()

    def __setstate__(self, tensors: dict[str, torch.Tensor]) -> None:
        self.load_state_dict(tensors)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return views of the state tensors and the observations, by name."""
        tensors = {field.name: getattr(self.state, field.name) for field in fields(self.state)}
        return tensors | {"observations": self.observations}

    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        """Restore a state from `state_dict`.

        Raises:
            KeyError: missing tensor.
            RuntimeError: tensor of another mission or another number of worlds.
        """
        for name, tensor in self.state_dict().items():
            if tensors[name].shape != tensor.shape or tensors[name].dtype != tensor.dtype:
                raise RuntimeError(
                    f"{name}: got {tensors[name].dtype} {list(tensors[name].shape)}; "
                    f"expected {tensor.dtype} {list(tensor.shape)}"
                )
            tensor.copy_(tensors[name])

    def score(self) -> torch.Tensor:
        """Return the scores, int32 [E]: hearts in the chests minus those at the start."""
        return self.counters[:, HEARTS_STORED]


def current_torch_stream(device: str | torch.device) -> wp.Stream | None:
    """Return torch's current CUDA stream, None on the CPU.

    Kernels launch on it without synchronization, in the order of torch's operations, and torch can
    capture them in a CUDA graph.
    """
    if torch.device(device).type == "cpu":
        return None
    return wp.stream_from_torch(torch.cuda.current_stream(device))
