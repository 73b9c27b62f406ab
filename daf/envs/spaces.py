"""Gymnasium spaces of a world batch, and its arrays as rows of agents."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from daf.envs.worlds import WorldBatch


def observation_space(worlds: WorldBatch) -> spaces.Box:
    """Return the observation space of one agent: tokens uint8 [T, 3] or a window float32."""
    if len(worlds.observation_shape) == 2:
        return spaces.Box(0, 255, worlds.observation_shape, np.uint8)
    return spaces.Box(0, np.inf, worlds.observation_shape, np.float32)


def state_space(worlds: WorldBatch) -> spaces.Box:
    """Return the space of the observations of all agents of a world, [A, ...]."""
    space = observation_space(worlds)
    shape = (worlds.num_agents, *worlds.observation_shape)
    return spaces.Box(space.low.flat[0], space.high.flat[0], shape, space.dtype.type)


def action_space(worlds: WorldBatch) -> spaces.Discrete:
    """Return the action space of one agent: noop, move N S W E, glyph 0, 1, ..."""
    return spaces.Discrete(worlds.num_actions)


def select_known_reset_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return those options of `reset` that `WorldBatch.reset` knows: `world_seeds`.

    Wrappers and conformance tests pass others; Gymnasium's convention ignores them.
    """
    return {name: value for name, value in (options or {}).items() if name == "world_seeds"}


def to_rows(values: torch.Tensor, copy: bool = True) -> np.ndarray:
    """Return [E, A, ...] as a NumPy array [E * A, ...], rows world by world."""
    rows = values.flatten(0, 1).cpu().numpy()
    return rows.copy() if copy else rows


def to_actions(rows: Any, worlds: WorldBatch) -> torch.Tensor:
    """Return actions of all rows as a tensor [E, A] on the device.

    Raises:
        ValueError: no integers, or another number of rows.
    """
    actions = np.asarray(rows)
    num_rows = worlds.num_worlds * worlds.num_agents
    if actions.size != num_rows or actions.dtype.kind not in "iu":
        raise ValueError(
            f"actions: got {actions.dtype} {actions.shape}; expected {num_rows} integers"
        )
    # A copy, because torch refuses read-only memory.
    tensor = torch.from_numpy(actions.astype(np.int64))
    return tensor.view(worlds.num_worlds, worlds.num_agents).to(worlds.device)
