"""skrl: many worlds as a multi-agent environment with tensors on the device."""

from pathlib import Path
from typing import Any, Unpack

import gymnasium
import numpy as np
import torch
from skrl.envs.wrappers.torch.base import MultiAgentEnvWrapper

from daf.envs.rendering import RenderMode, check_render_mode, render_world
from daf.envs.spaces import action_space, observation_space, state_space
from daf.envs.worlds import WorldBatch, WorldOptions
from daf.missions import Mission


class MissionMultiAgentEnv(MultiAgentEnvWrapper):
    """E worlds of a mission, with agents `agent_0`, `agent_1`, ...

    Observations are flat, [E, T * 3] or [E, C * H * W] per agent. A step that ends an episode
    returns the first observation of the next one; its infos contain `score` and `world_seed`.

    Args:
        mission: mission, or its name or file.
        num_worlds: number of worlds E.
        render_mode: None, "ansi" or "rgb_array".
        options: options of `WorldBatch`.
    """

    def __init__(
        self,
        mission: Mission | str | Path,
        num_worlds: int = 1,
        *,
        render_mode: RenderMode = None,
        **options: Unpack[WorldOptions],
    ):
        self.worlds = WorldBatch(mission, num_worlds, **options)
        super().__init__(self.worlds)
        self.render_mode = check_render_mode(render_mode)
        self._agents = [f"agent_{agent}" for agent in range(self.worlds.num_agents)]
        self._observation_spaces: dict[str, gymnasium.Space] = dict.fromkeys(
            self._agents, observation_space(self.worlds)
        )
        self._action_spaces: dict[str, gymnasium.Space] = dict.fromkeys(
            self._agents, action_space(self.worlds)
        )
        self._state_spaces: dict[str, gymnasium.Space | None] = dict.fromkeys(
            self._agents, state_space(self.worlds)
        )
        self._observations = self.worlds.observe()

    @property
    def num_envs(self) -> int:
        """Number of worlds E."""
        return self.worlds.num_worlds

    @property
    def agents(self) -> list[str]:
        """Names of all agents; none leaves before the end of an episode."""
        return self._agents

    @property
    def possible_agents(self) -> list[str]:
        """Names of all agents."""
        return self._agents

    @property
    def observation_spaces(self) -> dict[str, gymnasium.Space]:
        """Spaces of the observations, by agent."""
        return self._observation_spaces

    @property
    def action_spaces(self) -> dict[str, gymnasium.Space]:
        """Spaces of the actions, by agent."""
        return self._action_spaces

    @property
    def state_spaces(self) -> dict[str, gymnasium.Space | None]:
        """Space of the state, by agent."""
        return self._state_spaces

    def reset(self, **options: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Start an episode in every world.

        Args:
            options: `seed` or `world_seeds` as in `WorldBatch.reset`.

        Returns:
            observations by agent and empty infos.
        """
        self._observations = self.worlds.reset(**options)
        return self._split_by_agent(self._observations), {}

    def step(self, actions: dict[str, torch.Tensor]) -> tuple[dict, dict, dict, dict, dict]:
        """Apply the actions of all agents, integers [E, 1] by agent.

        Returns:
            observations [E, ...], rewards [E, 1], terminated [E, 1], truncated [E, 1] by agent,
            infos.
        """
        worlds = self.worlds
        columns = torch.stack([actions[agent] for agent in self._agents])
        if columns.is_floating_point() or columns.dtype == torch.bool:
            raise ValueError(f"actions: got {columns.dtype}; expected integers")
        columns = columns.long()
        joint_actions = columns.reshape(worlds.num_agents, worlds.num_worlds).t()
        observations, rewards, terminated, truncated = worlds.step(joint_actions)
        done = truncated if worlds.mission.truncates else terminated
        infos: dict[str, Any] = {}
        if _has_any(done):
            rewards = rewards.clone()
            infos = {
                "score": torch.where(done, worlds.simulation.score(), 0),
                "world_seed": torch.where(done, worlds.simulation.state.world_seed, 0),
                "is_final": done,
            }
            observations = worlds.reset(done)
        self._observations = observations
        return (
            self._split_by_agent(observations),
            self._split_by_agent(rewards.unsqueeze(-1)),
            dict.fromkeys(self._agents, terminated.unsqueeze(1)),
            dict.fromkeys(self._agents, truncated.unsqueeze(1)),
            infos,
        )

    def state(self) -> dict[str, torch.Tensor | None]:
        """Return the observations of all agents, flat [E, A * ...], by agent; one copy."""
        return dict.fromkeys(self._agents, self._observations.flatten(1).clone())

    def render(self, *args: Any, **kwargs: Any) -> str | np.ndarray | None:
        """Return the first world as text or as an image uint8 [H, W, 3]."""
        return render_world(self.worlds.simulation, 0, self.render_mode)

    def __getattr__(self, key: str) -> Any:
        # skrl reads attributes of a wrapped environment, which does not exist.
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{key}'")

    def close(self) -> None:
        """Do nothing: the worlds hold no outside resources."""

    def _split_by_agent(self, values: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return copies of [E, A, ...] as flat [E, ...] by agent."""
        # `contiguous` is no copy if one world or one agent makes the transpose contiguous.
        columns = values.transpose(0, 1).flatten(2).clone(memory_format=torch.contiguous_format)
        return dict(zip(self._agents, columns.unbind()))


def _has_any(mask: torch.Tensor) -> bool:
    # NumPy takes a tenth of torch's time for few worlds.
    return bool(np.count_nonzero(mask.numpy()) if mask.is_cpu else mask.any())


skrl_env = MissionMultiAgentEnv
