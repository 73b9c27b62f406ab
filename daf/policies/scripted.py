"""Scripted policies that ignore observations: lower baselines of every comparison."""

from typing import NamedTuple

import torch

from daf.policies.chance import uniform
from daf.policies.game import Game
from daf.policies.policy import Policy


class Noop(Policy):
    """Policy that always chooses the action `noop`."""

    def act(self, observations: torch.Tensor, state: None) -> tuple[torch.Tensor, None]:
        """Return `noop` for every row."""
        return torch.zeros(len(observations), dtype=torch.int64, device=observations.device), None


class SeededState(NamedTuple):
    """Policy state of random numbers.

    Attributes:
        seeds: int64 [N], seeds of the rows.
        step: number of calls of `act` in the episode.
    """

    seeds: torch.Tensor
    step: int


class Random(Policy):
    """Uniform distribution over noop, the 4 moves and the first `glyphs` glyph actions."""

    def __init__(self, game: Game, device: str = "cpu", glyphs: int = 0):
        super().__init__(game, device)
        if not 0 <= glyphs <= game.num_actions - 5:
            raise ValueError(f"glyphs: got {glyphs}; expected 0 to {game.num_actions - 5}")
        self.num_choices = 5 + glyphs

    def initial_state(self, seeds: torch.Tensor) -> SeededState:
        """Return the policy state at the start of an episode."""
        return SeededState(seeds, 0)

    def act(
        self, observations: torch.Tensor, state: SeededState
    ) -> tuple[torch.Tensor, SeededState]:
        """Draw an action for every row from its seed and the step."""
        seeds, step = state
        actions = (uniform(seeds, step) * self.num_choices).to(torch.int64)
        return actions, SeededState(seeds, step + 1)
