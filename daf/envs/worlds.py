"""World batch: the core that all environment interfaces share."""

import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np
import torch

from daf.errors import ConfigError
from daf.missions import Mission, load_mission
from daf.missions.token_bound import compute_observation_token_bound
from daf.policies.game import Game
from daf.policies.window import TokensToWindow
from daf.sim.shaping import shaping_weights
from daf.sim.simulation import Simulation

NUM_MOVES = 5
"""Actions before the glyphs: noop and the moves N, S, W, E."""


_Seeds = int | Sequence[int] | np.ndarray | torch.Tensor
_SEED_LISTS = (Sequence, np.ndarray, torch.Tensor)


class WorldOptions(TypedDict, total=False):
    """Keyword arguments of `WorldBatch` that every environment accepts."""

    seed: int
    first_world: int
    glyphs: int
    tokens: Literal["used", "all"]
    observation: Literal["tokens", "window"]
    shaping: Mapping[str, float]
    device: str
    threads: int


Rewards = torch.Tensor
"""Rewards of all agents with the shaping, float32 [E, A]."""


class Transition(NamedTuple):
    """Result of a step of E worlds with A agents.

    Attributes:
        observations: uint8 [E, A, T, 3], or float32 [E, A, C, H, W] for windows.
        rewards: float32 [E, A], with the shaping.
        terminated: bool [E], end of the episode at the step limit.
        truncated: bool [E], likewise, for missions with `truncates`.
    """

    observations: torch.Tensor
    rewards: torch.Tensor
    terminated: torch.Tensor
    truncated: torch.Tensor


class WorldBatch:
    """E worlds of a mission with fixed actions, observations and rewards.

    This is the interface for training loops in plain torch: all tensors stay on the device, and no
    call synchronizes with a GPU. Observations and rewards are views; the next step overwrites them.
    Finished worlds continue until `reset`.

    Args:
        mission: mission, or its name or file as in a configuration.
        num_worlds: number of worlds E.
        seed: seed of the worlds, as in `Simulation`; `evaluate` uses the same worlds.
        first_world: index of the first world, for several batches that share the worlds of a seed.
        glyphs: number of glyph actions after noop and the 4 moves.
        tokens: "used": the tokens that an observation of the mission can have; "all": all tokens.
        observation: "tokens", or "window": dense window for networks that do not know tokens.
        shaping: additional reward per count of a game statistic, by its name.
        device: "cpu", "cuda" or "cuda:N".
        threads: maximum number of CPU threads.

    Raises:
        ConfigError: invalid mission, glyphs, tokens, observation or shaping.
        ValueError: invalid number of worlds or threads, or unavailable device.

    Attributes:
        mission: mission of all worlds.
        num_agents: number of agents per world A.
        num_actions: number of actions, 5 + glyphs.
        observation_shape: shape of the observation of one agent.
        simulation: simulation of the worlds.
    """

    def __init__(
        self,
        mission: Mission | str | Path,
        num_worlds: int = 1,
        *,
        seed: int = 0,
        first_world: int = 0,
        glyphs: int = 0,
        tokens: Literal["used", "all"] = "used",
        observation: Literal["tokens", "window"] = "tokens",
        shaping: Mapping[str, float] | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ):
        self.mission = mission if isinstance(mission, Mission) else load_mission(str(mission))
        _check_choice("tokens", tokens, ("used", "all"))
        _check_choice("observation", observation, ("tokens", "window"))
        max_glyphs = self.mission.num_actions - NUM_MOVES
        if not 0 <= glyphs <= max_glyphs:
            raise ConfigError(f"glyphs: got {glyphs}; expected 0 to {max_glyphs}")
        self.num_worlds = num_worlds
        self.num_agents = self.mission.num_agents
        self.num_actions = NUM_MOVES + glyphs
        self.simulation = Simulation(
            self.mission, num_worlds, device, seed, threads=threads, first_world=first_world
        )
        names = self.simulation.statistic_names
        self._shaping = shaping_weights(shaping, names).to(device) if shaping else None
        self._num_tokens = (
            self.mission.tokens
            if tokens == "all"
            else compute_observation_token_bound(self.mission)
        )
        self._window_encoder = None
        self.observation_shape: tuple[int, ...] = (self._num_tokens, 3)
        if observation == "window":
            self._window_encoder = TokensToWindow(Game.of(self.mission)).to(device)
            self.observation_shape = self._window_encoder.shape
        self._is_new = True

    @property
    def device(self) -> torch.device:
        """Device of all tensors."""
        return self.simulation.observations.device

    def reset(
        self,
        world_mask: torch.Tensor | None = None,
        *,
        seed: int | Sequence[int] | np.ndarray | None = None,
        world_seeds: Sequence[int] | np.ndarray | torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Start episodes in the selected worlds, from a base `seed` or with their `world_seeds`.

        The first call without seeds returns the first episodes of the seed of the batch, each
        further one the next episodes.

        Args:
            world_mask: bool [E], worlds to reset; all by default.
            seed: base seed of all episodes, or one per world; they start again at their first
                episode.
            world_seeds: seeds of the E episodes themselves, such as those of an episode table.

        Returns:
            observations of all worlds, as those of `Transition`.

        Raises:
            ValueError: a number of seeds that differs from E, or a seed outside int64.
        """
        base_seeds = self._make_base_seed_tensor(seed)
        episode_seeds = self._make_episode_seed_tensor(world_seeds)
        is_first_episode = self._is_new and seed is None and world_seeds is None
        if world_mask is not None or not is_first_episode:
            self.simulation.reset(world_mask, episode_seeds, seed=base_seeds)
        self._is_new = False
        return self.observe()

    def step(self, actions: torch.Tensor) -> Transition:
        """Apply one action of every agent.

        Args:
            actions: integers [E, A], 0 to `num_actions` - 1: noop, move N S W E, glyph 0, 1, ...

        Raises:
            ValueError: `actions` is not an integer tensor of this shape, or, on the CPU, an action
                is out of range. On a GPU such an action fails in the game.
        """
        self._is_new = False
        rewards = self.step_prechecked_actions(self.check_or_invalidate_actions(actions))
        done = self.simulation.done.clone()  # a reset clears `done`
        no_world = torch.zeros_like(done)
        terminated, truncated = (no_world, done) if self.mission.truncates else (done, no_world)
        return Transition(self.observe(), rewards, terminated, truncated)

    def observe(self) -> torch.Tensor:
        """Return the observations of all agents."""
        observations = self.simulation.observations
        if self._window_encoder is None:
            return observations.narrow(2, 0, self._num_tokens)
        windows = self._window_encoder(observations.flatten(0, 1))
        return windows.unflatten(0, (self.num_worlds, self.num_agents))

    def all_episode_infos(self) -> dict[str, Any]:
        """Return score, world seed and game statistics of all worlds, finished or not.

        Returns:
            score: int64 [E], world_seed: int64 [E], statistics: int64 [E] by name; NumPy arrays.
        """
        simulation = self.simulation
        counters = simulation.counters.cpu().numpy().astype("int64")
        return {
            "score": simulation.score().cpu().numpy().astype("int64"),
            "world_seed": self.world_seeds(),
            "statistics": dict(zip(simulation.statistic_names, counters.T)),
        }

    def world_seeds(self) -> np.ndarray:
        """Return the seeds of the running episodes, NumPy int64 [E]."""
        return self.simulation.state.world_seed.cpu().numpy().copy()

    def step_prechecked_actions(self, actions: torch.Tensor) -> Rewards:
        """Apply actions int64 [E, A] from `check_or_invalidate_actions` and return the rewards.

        The next step may overwrite them.
        """
        self._is_new = False
        simulation = self.simulation
        if self._shaping is None:
            return simulation.step(actions)[1]
        counters_before = simulation.counters.clone()
        rewards = simulation.step(actions)[1]
        counts = (simulation.counters - counters_before).to(torch.float32)
        return rewards + (counts @ self._shaping)[:, None]

    def _make_base_seed_tensor(self, seed: _Seeds | None) -> torch.Tensor | None:
        """Return the argument `seed` of `reset` as int64 [E]; one seed applies to all worlds."""
        if seed is None:
            return None
        tensor = _parse_seeds("seed", seed).to(self.device)
        if not isinstance(seed, _SEED_LISTS):
            return tensor.expand(self.num_worlds).contiguous()
        _check_num_seeds("seed", len(tensor), self.num_worlds)
        return tensor

    def _make_episode_seed_tensor(self, world_seeds: _Seeds | None) -> torch.Tensor | None:
        """Return the argument `world_seeds` of `reset` as int64 [E]."""
        if world_seeds is None:
            return None
        tensor = _parse_seeds("world_seeds", world_seeds).to(self.device)
        _check_num_seeds("world_seeds", len(tensor), self.num_worlds)
        return tensor

    def check_or_invalidate_actions(self, actions: torch.Tensor) -> torch.Tensor:
        """Return the actions int64 [E, A]; on a GPU, those out of range become invalid.

        Raises:
            ValueError: on the CPU, an action is out of range.
        """
        if not self.simulation.observations.is_cpu:
            is_outside = (actions < 0) | (actions >= self.num_actions)
            return torch.where(is_outside, self.mission.num_actions, actions)
        if actions.dtype == torch.int64 and actions.is_cpu and actions.numel():
            low, high = (limit.item() for limit in actions.aminmax())
        else:  # `aminmax` does not know all types
            low, high = actions.numpy().min(), actions.numpy().max()
        if low < 0 or high >= self.num_actions:
            raise ValueError(
                f"actions: got {low if low < 0 else high}; "
                f"expected integers from 0 to {self.num_actions - 1}"
            )
        return actions


def select_world_info(batch_infos: dict[str, Any], world: int) -> dict[str, Any]:
    """Return the final infos of one world as Python numbers.

    Args:
        batch_infos: result of `WorldBatch.all_episode_infos`.
        world: index of the world.
    """
    return {
        name: select_world_info(value, world) if isinstance(value, dict) else int(value[world])
        for name, value in batch_infos.items()
    }


def _parse_seeds(argument_name: str, seeds: _Seeds) -> torch.Tensor:
    """Return seeds as int64 [n]; a single seed has n = 1."""
    try:
        integers = map(operator.index, seeds if isinstance(seeds, _SEED_LISTS) else [seeds])
        return torch.tensor(list(integers), dtype=torch.int64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{argument_name}: got {seeds!r}; expected integers of 64 bits") from error


def _check_num_seeds(argument_name: str, num_seeds: int, num_worlds: int) -> None:
    if num_seeds != num_worlds:
        raise ValueError(f"{argument_name}: got {num_seeds} seeds; expected {num_worlds}")


def _check_choice(argument_name: str, choice: str, choices: tuple[str, ...]) -> None:
    if choice not in choices:
        raise ConfigError(f"{argument_name}: got {choice!r}; expected one of {', '.join(choices)}")
