"""The simulation: E worlds of one mission, stepped together."""

from dataclasses import fields

import torch
import warp as wp

from daf.missions import Mission
from daf.missions.statistics import statistic_names
from daf.sim import observe, step
from daf.sim.copies import LANES, LOOK_TOKENS
from daf.sim.counters import HEARTS_STORED
from daf.sim.state import State
from daf.sim.tables import MissionTables


class Simulation:
    """E independent worlds of one mission on one device.

    A world's course depends on its seed and its actions alone: not on E, on the device or on the
    worlds beside it. `step` and `reset` never wait for the device and can be captured in a CUDA
    graph (capture after one warm-up call, which compiles the kernels).

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
    ):
        """
        Args:
            mission: what is played.
            num_worlds: E.
            device: "cpu", "cuda" or "cuda:N".
            seed: of the simulation; world seeds are derived from (seed, world, episode).
            auto_reset: begin a new episode in every finished world at the end of `step`; the
                observation returned is then the first of the new episode.

        Raises:
            ValueError: fewer than one world, or a device that does not exist.
        """
        if num_worlds < 1:
            raise ValueError(f"num_worlds: got {num_worlds}; at least 1 is needed")
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"device: got '{device}', but torch finds no CUDA device")
        self.mission = mission
        self.num_worlds = num_worlds
        self.num_agents = mission.num_agents
        self.device = device
        self.seed = seed
        self.auto_reset = auto_reset
        self.tables = MissionTables(mission, device)
        self.statistic_names = statistic_names(mission)
        self._allocate()
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
        self.finished = self.state.finished
        self._actions = torch.zeros(shape, dtype=torch.int32, device=self.device)
        self._everywhere = torch.ones(self.num_worlds, dtype=torch.bool, device=self.device)
        self._worlds = self.state.struct()
        self._tokens = wp.from_torch(self.observations, dtype=wp.vec3ub)
        self._looks = wp.zeros((*shape, LOOK_TOKENS), dtype=wp.vec3ub, device=self.device)
        self._look_size = wp.zeros(shape, dtype=wp.int32, device=self.device)
        self._no_words = wp.empty(0, dtype=wp.uint32, device=self.device)
        self._no_seeds = wp.empty(0, dtype=wp.int64, device=self.device)
        self._all_worlds = wp.empty(0, dtype=wp.bool, device=self.device)

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
        chosen = self._everywhere if worlds is None else worlds
        seeds = self._no_seeds if world_seeds is None else wp.from_torch(world_seeds)
        mask = wp.from_torch(chosen)
        words = self._no_words
        self._launch(step.reset, [self._worlds, words, mask, wp.int64(self.seed), seeds])
        self._observe(mask)
        return self.observations

    def step(self, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Let every agent act once.

        Args:
            actions: integers [E, A] over the flat action list (noop, move N S W E, glyph 0, 1 ...);
                a number outside it is an invalid action and does nothing.

        Returns:
            observations uint8 [E, A, T, 3], rewards float32 [E, A], done bool [E].

        Raises:
            ValueError: `actions` has another shape, or is not of integers.
        """
        if actions.shape != self._actions.shape or actions.is_floating_point():
            raise ValueError(
                f"actions: got {actions.dtype} {tuple(actions.shape)}; "
                f"integers of shape {tuple(self._actions.shape)} are needed"
            )
        self._actions.copy_(actions)
        self._launch(step.prepare, [self._worlds, wp.from_torch(self._actions)])
        self._launch(step.advance, [self._worlds, self._no_words])
        if self.auto_reset:
            done = wp.from_torch(self.done)
            words = self._no_words
            seeds = self._no_seeds
            self._launch(step.reset, [self._worlds, words, done, wp.int64(self.seed), seeds])
        self._observe(self._all_worlds)
        return self.observations, self.rewards, self.done

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

    def _observe(self, chosen: wp.array) -> None:
        shape = (self.num_worlds, self.num_agents)
        looks = [self._looks, self._look_size]
        lanes = LANES if torch.device(self.device).type == "cuda" else 1
        self._launch(observe.describe, [self._worlds, *looks], shape)
        self._launch(observe.observe, [self._worlds, *looks, chosen, self._tokens], (*shape, lanes))

    def _launch(self, kernel, arguments: list, shape: tuple | None = None) -> None:
        wp.launch(
            kernel,
            dim=shape or self.num_worlds,
            inputs=[self.tables.struct, *arguments],
            device=self.device,
            stream=torch_stream(self.device),
        )


def torch_stream(device: str | torch.device) -> wp.Stream | None:
    """The stream that torch uses now, None on the CPU.

    Kernels are launched on it without synchronising, so that order and graph capture are torch's.
    """
    if torch.device(device).type == "cpu":
        return None
    return wp.stream_from_torch(torch.cuda.current_stream(device))
