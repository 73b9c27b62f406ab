"""World rows: the worlds of a batch as NumPy arrays with one row per agent."""

from typing import Any, NamedTuple

import numpy as np
import torch

from daf.envs.worlds import WorldBatch

RowRewards = np.ndarray
"""Rewards of all rows, float32 [E * A]."""


class EndFlags(NamedTuple):
    """Rows whose episode ended at the last step, both bool [E * A]."""

    terminated: np.ndarray
    truncated: np.ndarray


class NumPyWorldBatch:
    """E worlds with A agents as rows E * A of NumPy arrays, world by world.

    On the CPU, the arrays are views of the simulation's memory, made once. Operations of torch take
    1 to 5 us each, and a step of one world takes 15 us.

    Args:
        worlds: worlds of the rows.
    """

    def __init__(self, worlds: WorldBatch):
        self._worlds = worlds
        self._is_cpu = worlds.device.type == "cpu"
        actions = np.zeros((worlds.num_worlds, worlds.num_agents), dtype=np.int64)
        self._actions = torch.from_numpy(actions)
        self._action_rows = actions.reshape(-1)
        # A negative number is a large number without sign, so one maximum checks both limits.
        self._unsigned_actions = self._action_rows.view(np.uint64)
        self._done: np.ndarray | None = None
        self._rewards: np.ndarray | None = None
        self._observations: np.ndarray | None = None
        if self._is_cpu:
            simulation = worlds.simulation
            self._done = simulation.done.numpy()
            self._rewards = simulation.rewards.numpy().reshape(-1)
            if len(worlds.observation_shape) == 2:  # a window is no view
                self._observations = _to_rows(worlds.observe())

    def __reduce__(self):
        # A copy of the views would be no view of the copied simulation.
        return type(self), (self._worlds,)

    def apply_actions(self, actions: Any) -> RowRewards:
        """Apply one action per row.

        Args:
            actions: integers [E * A] or [E, A].

        Returns:
            rewards float32 [E * A], a view that the next step or reset may overwrite.

        Raises:
            ValueError: no integers, another number of rows, or, on the CPU, an action out of range.
        """
        worlds = self._worlds
        array = np.asarray(actions)
        num_rows = len(self._action_rows)
        joint_shape = tuple(self._actions.shape)
        if array.shape not in ((num_rows,), joint_shape) or array.dtype.kind not in "iu":
            raise ValueError(
                f"actions: got {array.dtype} {array.shape}; expected {num_rows} integers"
            )
        np.copyto(self._action_rows, array.reshape(-1), casting="unsafe")
        if not self._is_cpu:
            checked_actions = worlds.check_or_invalidate_actions(self._actions.to(worlds.device))
            return _to_rows(worlds.step_prechecked_actions(checked_actions))
        if np.maximum.reduce(self._unsigned_actions) >= worlds.num_actions:
            worlds.step(self._actions)  # raises
        rewards = worlds.step_prechecked_actions(self._actions)
        if self._rewards is None or rewards is not worlds.simulation.rewards:  # with shaping
            return _to_rows(rewards)
        return self._rewards

    def read_finished_world_mask(self) -> np.ndarray:
        """Return the worlds whose episode ended at the last step, bool [E]."""
        if self._done is None:
            return self._worlds.simulation.done.cpu().numpy()
        return self._done.copy()

    def read_observations(self, copy: bool = True) -> np.ndarray:
        """Return the observations [E * A, ...].

        Args:
            copy: return a copy; else, on the CPU, a view of tokens that the next step overwrites.
        """
        if self._observations is None:
            return _to_rows(self._worlds.observe())
        return self._observations.copy() if copy else self._observations.view()

    def reset(self, world_mask: np.ndarray) -> None:
        """Start a new episode in the worlds of the mask bool [E]."""
        self._worlds.reset(torch.from_numpy(world_mask).to(self._worlds.device))

    def expand_mask_to_rows(self, world_mask: np.ndarray) -> np.ndarray:
        """Repeat a mask of worlds, bool [E], for the agents of each world, as bool [E * A]."""
        # Most steps end no episode, and `np.repeat` is several times slower than `np.zeros`.
        if not np.count_nonzero(world_mask):
            return np.zeros(len(self._action_rows), dtype=bool)
        return np.repeat(world_mask, self._worlds.num_agents)

    def compute_end_flags(self, finished_mask: np.ndarray) -> EndFlags:
        """Return whether the rows of finished worlds terminated or were truncated.

        Args:
            finished_mask: bool [E], output of `read_finished_world_mask`.
        """
        ended = self.expand_mask_to_rows(finished_mask)
        no_row = np.zeros(len(ended), dtype=bool)  # much faster than `np.zeros_like`
        return (
            EndFlags(no_row, ended) if self._worlds.mission.truncates else EndFlags(ended, no_row)
        )


def _to_rows(values: torch.Tensor) -> np.ndarray:
    """Return [E, A, ...] as a NumPy array [E * A, ...]; on the CPU a view."""
    return values.flatten(0, 1).cpu().numpy()
