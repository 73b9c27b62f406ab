"""Interface of every policy: vectorized, one row per agent."""

from abc import ABC, abstractmethod
from typing import Any

import torch

from daf.policies.game import Game


class Policy(ABC):
    """Decision rule of N rows at once; a row is one agent of one world.

    The action of a row depends only on its observations and its state: agents communicate only
    through the game. To evaluate a subclass, name it in a configuration as `file.py:Class` or
    `package.module:Class`. See `TrainablePolicy` for policies that learn.

    Attributes:
        game: observation and action interface of the missions.
        device: torch device of all tensors.
    """

    def __init__(self, game: Game, device: str = "cpu"):
        self.game = game
        self.device = device

    def initial_state(self, seeds: torch.Tensor) -> Any:
        """Return the policy state at the start of an episode.

        Args:
            seeds: int64 [N], one seed per row, fixed by the episode. It is the only source of
                randomness of the policy.

        Returns:
            state for `act`, with N as first axis; None for a policy without state.
        """
        return None

    @abstractmethod
    def act(self, observations: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Choose an action for every row.

        Args:
            observations: uint8 [N, T, 3], tokens (location, feature, value); 255 = empty.
            state: state that the last `act` or `initial_state` returned.

        Returns:
            actions: integers [N], indices of the flat action list (noop, move N S W E, glyphs);
            state: state for the next step.
        """
