"""Stable-Baselines3: many worlds as a `VecEnv`."""

from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from daf.envs.rendering import RenderMode, check_render_mode, render_world
from daf.envs.rows import NumPyWorldBatch
from daf.envs.spaces import action_space, observation_space, select_known_reset_options
from daf.envs.worlds import WorldBatch, WorldOptions, select_world_info
from daf.missions import Mission

RUNNING_INFO: dict[str, Any] = {"TimeLimit.truncated": False}
"""Info of a row whose episode continues."""


class MissionVecEnv(VecEnv):
    """E worlds with A agents as E * A environments, one per agent, rows world by world.

    A step that ends an episode returns the first observation of the next one. Its infos contain
    `terminal_observation`, `score`, `world_seed` and `statistics`.

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
        self._rows = NumPyWorldBatch(self.worlds)
        self.render_mode = check_render_mode(render_mode)
        super().__init__(
            num_worlds * self.worlds.num_agents,
            observation_space(self.worlds),
            action_space(self.worlds),
        )
        self._seed: int | None = None
        self._actions: np.ndarray | None = None

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Set the seed of the next `reset`: the worlds are those of `Simulation` with this seed.

        Returns:
            the seed, once per row.
        """
        self._seed = seed
        return [seed] * self.num_envs

    def reset(self) -> np.ndarray:
        """Start an episode in every world and return the observations [E * A, ...]."""
        options: dict[str, Any] = self._options[0] if self._options else {}
        self.worlds.reset(seed=self._seed, **select_known_reset_options(options))
        self._seed = None
        self._reset_options()
        self.reset_infos = self._world_seed_infos()
        return self._rows.read_observations()

    def step_async(self, actions: np.ndarray) -> None:
        """Store the actions of all rows for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Apply the stored actions.

        Returns:
            observations [E * A, ...], rewards float32 [E * A], dones bool [E * A], infos.
        """
        worlds, rows = self.worlds, self._rows
        rewards = rows.apply_actions(self._actions).copy()
        finished_mask = rows.read_finished_world_mask()
        # `map` takes half the time of a comprehension.
        infos: list[dict[str, Any]] = list(map(dict.copy, repeat(RUNNING_INFO, self.num_envs)))
        if np.count_nonzero(finished_mask):
            observations, final_infos = rows.read_observations(), worlds.all_episode_infos()
            for world in np.flatnonzero(finished_mask).tolist():
                info = select_world_info(final_infos, world)
                info["TimeLimit.truncated"] = worlds.mission.truncates
                for row in range(world * worlds.num_agents, (world + 1) * worlds.num_agents):
                    infos[row] = info | {"terminal_observation": observations[row]}
            rows.reset(finished_mask)
            self.reset_infos = self._world_seed_infos()
        return rows.read_observations(), rewards, rows.expand_mask_to_rows(finished_mask), infos

    def close(self) -> None:
        """Do nothing: the worlds hold no outside resources."""

    def render(self, mode: str | None = None) -> Any:
        """Return the worlds: one text, or one image uint8 [H, W, 3] with all of them.

        Args:
            mode: render mode of the constructor; None means the same.
        """
        if self.render_mode != "ansi" or mode not in (None, "ansi"):
            return super().render(mode)
        worlds = range(self.worlds.num_worlds)
        return "\n".join(render_world(self.worlds.simulation, world, "ansi") for world in worlds)

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Return one image per world."""
        if self.render_mode != "rgb_array":
            return [None] * self.worlds.num_worlds
        worlds = range(self.worlds.num_worlds)
        return [render_world(self.worlds.simulation, world, "rgb_array") for world in worlds]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of this object, once per row."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of this object.

        Raises:
            ValueError: `indices` selects some rows only: they share one object.
        """
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError("indices: got some rows; expected None, because rows share an object")
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of this object once and return its result once per row."""
        result = getattr(self, method_name)(*method_args, **method_kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Return False for every row: there are no wrapped environments."""
        return [False for _ in self._get_indices(indices)]

    def _world_seed_infos(self) -> list[dict[str, Any]]:
        seeds = np.repeat(self.worlds.world_seeds(), self.worlds.num_agents).tolist()
        return [{"world_seed": seed} for seed in seeds]


sb3_env = MissionVecEnv
