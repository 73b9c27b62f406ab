"""The interface of every policy: vectorised, one row per agent."""

from abc import ABC, abstractmethod
from typing import Any

import torch

from daf.policies.game import Game


class Policy(ABC):
    """Chooses actions for N rows at once; a row is one agent of one world.

    A policy sees its own row of observations and its own row of state: agents do not talk but
    through the game. Subclass it, name the class in a configuration as `file.py:Class` or
    `package.module:Class`, and it can be evaluated; see `TrainablePolicy` for learning.
    """

    def __init__(self, game: Game, device: str = "cpu"):
        self.game = game
        self.device = device

    def initial_state(self, seeds: torch.Tensor) -> Any:
        """State at the start of an episode.

        Args:
            seeds: int64 [N], one per row, the same whenever the episode is played again; the
                source of all randomness of the policy.

        Returns:
            whatever `act` needs, with N as first axis; None if nothing.
        """
        return None

    @abstractmethod
    def act(self, observations: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Choose an action for every row.

        Args:
            observations: uint8 [N, T, 3], tokens (location, feature, value), 255 = none.
            state: what the last `act` or `initial_state` returned.

        Returns:
            actions: integers [N] over the flat action list (noop, move N S W E, glyphs);
            state: for the next step.
        """
