"""PettingZoo: one world as a parallel environment."""

from pathlib import Path
from typing import Any, Unpack

import gymnasium
import numpy as np
from pettingzoo import ParallelEnv

from daf.envs.rendering import RENDER_METADATA, RenderMode, check_render_mode, render_world
from daf.envs.rows import NumPyWorldBatch
from daf.envs.spaces import action_space, observation_space, select_known_reset_options, state_space
from daf.envs.worlds import WorldBatch, WorldOptions, select_world_info
from daf.missions import Mission


class MissionParallelEnv(ParallelEnv):
    """One world of a mission, with agents `agent_0`, `agent_1`, ...

    All agents end together; their last infos contain `score`, `world_seed` and `statistics`.

    Args:
        mission: mission, or its name or file.
        render_mode: None, "ansi" or "rgb_array".
        options: options of `WorldBatch`.
    """

    def __init__(
        self,
        mission: Mission | str | Path,
        *,
        render_mode: RenderMode = None,
        **options: Unpack[WorldOptions],
    ):
        self.worlds = WorldBatch(mission, 1, **options)
        self._rows = NumPyWorldBatch(self.worlds)
        self.metadata = RENDER_METADATA | {
            "name": self.worlds.mission.name,
            "is_parallelizable": True,
        }
        self.render_mode = check_render_mode(render_mode)
        self.possible_agents = [f"agent_{agent}" for agent in range(self.worlds.num_agents)]
        self.agents: list[str] = []
        # The same space objects at every call: their random state persists.
        self.observation_spaces = {
            agent: observation_space(self.worlds) for agent in self.possible_agents
        }
        self.action_spaces = {agent: action_space(self.worlds) for agent in self.possible_agents}
        self.state_space = state_space(self.worlds)

    def observation_space(self, agent: str) -> gymnasium.Space:
        """Return the space of the observations of an agent."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.Space:
        """Return the space of the actions of an agent."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """Start an episode.

        Args:
            seed: seed of the world as in `Simulation`; None: the next episode.
            options: `{"world_seeds": [...]}` replays an episode of an episode table.

        Returns:
            observations and infos with `world_seed`, by agent.
        """
        self.worlds.reset(seed=seed, **select_known_reset_options(options))
        self.agents = self.possible_agents[:]
        world_seed = int(self.worlds.world_seeds()[0])
        infos = {agent: {"world_seed": world_seed} for agent in self.agents}
        return self._split_by_agent(self._rows.read_observations()), infos

    def step(self, actions: dict[str, int]) -> tuple[dict, dict, dict, dict, dict]:
        """Apply the actions of all agents.

        Returns:
            observations, rewards, terminations, truncations and infos, each by agent.

        Raises:
            ValueError: missing or unknown agent.
        """
        if not self.agents:
            return {}, {}, {}, {}, {}
        if set(actions) != set(self.agents):
            raise ValueError(f"actions: got agents {sorted(actions)}; expected {self.agents}")
        rewards = self._rows.apply_actions([actions[agent] for agent in self.agents])
        is_done = self._rows.read_finished_world_mask().item()
        truncates = self.worlds.mission.truncates
        info = select_world_info(self.worlds.all_episode_infos(), 0) if is_done else {}
        result = (
            self._split_by_agent(self._rows.read_observations()),
            self._split_by_agent(rewards.tolist()),
            dict.fromkeys(self.agents, is_done and not truncates),
            dict.fromkeys(self.agents, is_done and truncates),
            {agent: dict(info) for agent in self.agents},
        )
        if is_done:
            self.agents = []
        return result

    def state(self) -> np.ndarray:
        """Return the observations of all agents, [A, ...]."""
        return self._rows.read_observations()

    def render(self) -> Any:
        """Return the world as text or as an image uint8 [H, W, 3]."""
        return render_world(self.worlds.simulation, 0, self.render_mode)

    def _split_by_agent(self, values: Any) -> dict[str, Any]:
        return dict(zip(self.possible_agents, values))


parallel_env = MissionParallelEnv
