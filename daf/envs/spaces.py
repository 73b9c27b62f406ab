"""Gymnasium spaces of a world batch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
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
