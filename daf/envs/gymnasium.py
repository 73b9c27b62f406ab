"""Gymnasium: a vector environment for many worlds, an environment for one agent."""

from pathlib import Path
from typing import Any, Literal, Unpack

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from daf.envs.rendering import RENDER_METADATA, RenderMode, check_render_mode, render_world
from daf.envs.rows import NumPyWorldBatch
from daf.envs.spaces import action_space, observation_space, select_known_reset_options
from daf.envs.worlds import WorldBatch, WorldOptions, select_world_info
from daf.errors import ConfigError
from daf.missions import Mission

NEXT_STEP, SAME_STEP = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP


class MissionVectorEnv(gymnasium.vector.VectorEnv):
    """E worlds with A agents as E * A environments, one per agent, rows world by world.

    All agents of a world end their episodes together. The infos of that step contain `score`,
    `world_seed` and `statistics`, in the form of `gymnasium.vector.SyncVectorEnv`.

    Args:
        mission: mission, or its name or file.
        num_worlds: number of worlds E.
        autoreset_mode: "NextStep": the step after the end of an episode ignores the actions of the
            world and starts its next episode; "SameStep": the last step returns the first
            observation of the next episode and the last one in `infos["final_obs"]`.
        copy: return copies of the observations; else views that the next step overwrites.
        render_mode: None, "ansi" or "rgb_array"; `render` returns one frame per world.
        options: options of `WorldBatch`.
    """

    def __init__(
        self,
        mission: Mission | str | Path,
        num_worlds: int = 1,
        *,
        autoreset_mode: Literal["NextStep", "SameStep"] | AutoresetMode = "NextStep",
        copy: bool = True,
        render_mode: RenderMode = None,
        **options: Unpack[WorldOptions],
    ):
        mode = AutoresetMode(autoreset_mode)
        if mode not in (NEXT_STEP, SAME_STEP):
            raise ConfigError(f"autoreset_mode: got {mode.value}; expected NextStep or SameStep")
        self.worlds = WorldBatch(mission, num_worlds, **options)
        self.autoreset_mode = mode
        self.copy = copy
        self.render_mode = check_render_mode(render_mode)
        self.metadata = RENDER_METADATA | {"autoreset_mode": mode}
        self.num_envs = num_worlds * self.worlds.num_agents
        self.single_observation_space = observation_space(self.worlds)
        self.single_action_space = action_space(self.worlds)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._rows = NumPyWorldBatch(self.worlds)
        self._starts_next: np.ndarray | None = None  # worlds that ended at the last step

    def reset(
        self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode in every world.

        Args:
            seed: seed of the worlds as in `Simulation`, or one seed per world. None: the next
                episodes.
            options: `{"world_seeds": [...]}` replays E episodes of an episode table.

        Returns:
            observations [E * A, ...] and infos with `world_seed`.
        """
        super().reset(seed=seed if isinstance(seed, int) else None)
        self.worlds.reset(seed=seed, **select_known_reset_options(options))
        self._starts_next = None
        return self._rows.read_observations(self.copy), self._world_seed_infos()

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Apply one action per row.

        Returns:
            observations [E * A, ...], rewards float64 [E * A], terminations bool [E * A],
            truncations bool [E * A], infos.
        """
        rows = self._rows
        rewards = rows.apply_actions(actions).astype(np.float64)
        finished_mask = rows.read_finished_world_mask()
        infos: dict[str, Any] = {}
        if self.autoreset_mode == NEXT_STEP:
            starts, self._starts_next = self._starts_next, None
            if starts is not None:
                rows.reset(starts)
                rewards[rows.expand_mask_to_rows(starts)] = 0.0
                finished_mask &= ~starts
                infos |= self._world_seed_infos(starts)
            if np.count_nonzero(finished_mask):
                infos |= self._expand_infos_to_rows(self.worlds.all_episode_infos(), finished_mask)
                self._starts_next = finished_mask
        elif np.count_nonzero(finished_mask):
            infos = self._same_step_final_infos(finished_mask)
            rows.reset(finished_mask)
            infos |= self._world_seed_infos(finished_mask)
        terminated, truncated = rows.compute_end_flags(finished_mask)
        return rows.read_observations(self.copy), rewards, terminated, truncated, infos

    def render(self) -> tuple[Any, ...] | None:
        """Return one frame per world: text, or uint8 [H, W, 3]."""
        if self.render_mode is None:
            return None
        simulation = self.worlds.simulation
        return tuple(
            render_world(simulation, world, self.render_mode)
            for world in range(simulation.num_worlds)
        )

    def _world_seed_infos(self, started_world_mask: np.ndarray | None = None) -> dict[str, Any]:
        if started_world_mask is None:
            started_world_mask = np.ones(self.worlds.num_worlds, dtype=bool)
        return self._expand_infos_to_rows(
            {"world_seed": self.worlds.world_seeds()}, started_world_mask
        )

    def _same_step_final_infos(self, finished_worlds: np.ndarray) -> dict[str, Any]:
        observations = self._rows.read_observations()
        mask = self._rows.expand_mask_to_rows(finished_worlds)
        final_observations = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(mask):
            final_observations[row] = observations[row]
        final_info = self._expand_infos_to_rows(self.worlds.all_episode_infos(), finished_worlds)
        return {
            "final_obs": final_observations,
            "_final_obs": mask,
            "final_info": final_info,
            "_final_info": mask.copy(),
        }

    def _expand_infos_to_rows(
        self, world_infos: dict[str, Any], world_mask: np.ndarray
    ) -> dict[str, Any]:
        """Return infos per world as infos per row with masks, 0 in other rows."""
        mask = self._rows.expand_mask_to_rows(world_mask)
        masked = {}
        for name, value in world_infos.items():
            if isinstance(value, dict):
                masked[name] = self._expand_infos_to_rows(value, world_mask)
            else:
                masked[name] = np.where(mask, np.repeat(value, self.worlds.num_agents), 0)
            masked[f"_{name}"] = mask.copy()
        return masked


class SingleAgentEnv(gymnasium.Env):
    """One world of a mission with one agent.

    The info of the last step contains `score`, `world_seed` and `statistics`.

    Args:
        mission: mission with one agent, or its name or file.
        render_mode: None, "ansi" or "rgb_array".
        options: options of `WorldBatch`.

    Raises:
        ConfigError: the mission has several agents.
    """

    metadata = RENDER_METADATA

    def __init__(
        self,
        mission: Mission | str | Path,
        *,
        render_mode: RenderMode = None,
        **options: Unpack[WorldOptions],
    ):
        self.worlds = WorldBatch(mission, 1, **options)
        if self.worlds.num_agents != 1:
            raise ConfigError(
                f"mission {self.worlds.mission.name}: got {self.worlds.num_agents} agents; "
                "expected 1; use vector_env or parallel_env for several agents"
            )
        self._rows = NumPyWorldBatch(self.worlds)
        self.render_mode = check_render_mode(render_mode)
        self.observation_space = observation_space(self.worlds)
        self.action_space = action_space(self.worlds)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; see `MissionVectorEnv.reset`."""
        super().reset(seed=seed)
        self.worlds.reset(seed=seed, **select_known_reset_options(options))
        return self._rows.read_observations()[0], {"world_seed": int(self.worlds.world_seeds()[0])}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Apply an action; returns observation, reward, terminated, truncated and info."""
        reward = self._rows.apply_actions([action]).item()
        is_done = self._rows.read_finished_world_mask().item()
        info = select_world_info(self.worlds.all_episode_infos(), 0) if is_done else {}
        truncates = self.worlds.mission.truncates
        return (
            self._rows.read_observations()[0],
            reward,
            is_done and not truncates,
            is_done and truncates,
            info,
        )

    def render(self) -> Any:
        """Return the world as text or as an image uint8 [H, W, 3]."""
        return render_world(self.worlds.simulation, 0, self.render_mode)


vector_env = MissionVectorEnv


single_agent_env = SingleAgentEnv
