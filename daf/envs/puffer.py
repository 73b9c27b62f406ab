"""PufferLib: many worlds as a native `PufferEnv`."""

# pufferlib-core pins an old torch, so it is not installed where types are checked.
# pyright: reportMissingImports=false

from pathlib import Path
from typing import Any, Unpack

import numpy as np
from pufferlib.pufferlib import PufferEnv

from daf.envs.rendering import RENDER_METADATA, RenderMode, check_render_mode, render_world
from daf.envs.rows import NumPyWorldBatch
from daf.envs.spaces import action_space, observation_space
from daf.envs.worlds import WorldBatch, WorldOptions
from daf.missions import Mission


class MissionPufferEnv(PufferEnv):
    """E worlds with A agents as E * A rows, world by world, written into PufferLib's buffers.

    A step that ends episodes returns the first observations of the next ones and one info with the
    mean score of the finished episodes.

    Args:
        mission: mission, or its name or file.
        num_worlds: number of worlds E.
        render_mode: None, "ansi" or "rgb_array".
        buf: buffers of PufferLib's vectorization.
        options: options of `WorldBatch`.
    """

    def __init__(
        self,
        mission: Mission | str | Path,
        num_worlds: int = 1,
        *,
        render_mode: RenderMode = None,
        buf: Any = None,
        **options: Unpack[WorldOptions],
    ):
        self.worlds = WorldBatch(mission, num_worlds, **options)
        self._rows = NumPyWorldBatch(self.worlds)
        self.render_mode = check_render_mode(render_mode)
        self.metadata = RENDER_METADATA
        self.num_agents = num_worlds * self.worlds.num_agents
        self.single_observation_space = observation_space(self.worlds)
        self.single_action_space = action_space(self.worlds)
        super().__init__(buf)

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Start an episode in every world; returns observations [E * A, ...] and no infos."""
        self.worlds.reset(seed=seed)
        self._write_observations()
        self.rewards[:] = 0
        self.terminals[:] = False
        self.truncations[:] = False
        return self.observations, []

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, list[dict[str, Any]]]:
        """Apply one action per row.

        Returns:
            the buffers of observations, rewards, terminals and truncations, and infos.
        """
        rows = self._rows
        self.actions[:] = actions
        self.rewards[:] = rows.apply_actions(actions)
        finished_mask = rows.read_finished_world_mask()
        self.terminals[:], self.truncations[:] = rows.compute_end_flags(finished_mask)
        infos = []
        if np.count_nonzero(finished_mask):
            scores = self.worlds.simulation.score().cpu().numpy()[finished_mask]
            infos = [{"score": scores.mean().item(), "episodes": len(scores)}]
            rows.reset(finished_mask)
        self._write_observations()
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def render(self) -> Any:
        """Return the first world as text or as an image uint8 [H, W, 3]."""
        return render_world(self.worlds.simulation, 0, self.render_mode)

    def close(self) -> None:
        """Do nothing: the worlds hold no outside resources."""

    def _write_observations(self) -> None:
        np.copyto(self.observations, self._rows.read_observations(copy=False))


puffer_env = MissionPufferEnv
