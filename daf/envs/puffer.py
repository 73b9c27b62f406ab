"""PufferLib: many worlds as a native `PufferEnv`."""

# pufferlib-core pins an old torch, so it is not installed where types are checked.
# pyright: reportMissingImports=false

from pathlib import Path
from typing import Any, Unpack

import numpy as np
from pufferlib.pufferlib import PufferEnv

from daf.envs.rendering import RENDER_METADATA, RenderMode, check_render_mode, render_world
from daf.envs.spaces import action_space, observation_space, to_actions
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
        self.render_mode = check_render_mode(render_mode)
        self.metadata = RENDER_METADATA
        self.num_agents = num_worlds * self.worlds.num_agents
        self.single_observation_space = observation_space(self.worlds)
        self.single_action_space = action_space(self.worlds)
        super().__init__(buf)

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Start an episode in every world; returns observations [E * A, ...] and no infos."""
        self._write_observations(self.worlds.reset(seed=seed))
        self.rewards[:] = 0
        self.terminals[:] = False
        self.truncations[:] = False
        return self.observations, []

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, list[dict[str, Any]]]:
        """Apply one action per row.

        Returns:
            the buffers of observations, rewards, terminals and truncations, and infos.
        """
        worlds = self.worlds
        self.actions[:] = actions
        observations, rewards, terminated, truncated = worlds.step(to_actions(actions, worlds))
        self.rewards[:] = rewards.flatten().cpu().numpy()
        for buffer, ends in ((self.terminals, terminated), (self.truncations, truncated)):
            buffer[:] = ends.repeat_interleave(worlds.num_agents).cpu().numpy()
        done = terminated | truncated
        infos = []
        if done.any():
            scores = worlds.simulation.score()[done].double()
            infos = [{"score": scores.mean().item(), "episodes": len(scores)}]
            observations = worlds.reset(done)
        self._write_observations(observations)
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def render(self) -> Any:
        """Return the first world as text or as an image uint8 [H, W, 3]."""
        return render_world(self.worlds.simulation, 0, self.render_mode)

    def close(self) -> None:
        """Do nothing: the worlds hold no outside resources."""

    def _write_observations(self, observations: Any) -> None:
        np.copyto(self.observations, observations.flatten(0, 1).cpu().numpy())


puffer_env = MissionPufferEnv
