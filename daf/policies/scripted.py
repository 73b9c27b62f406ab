"""Policies without knowledge: the floor every other policy is measured against."""

import torch

from daf.policies.chance import uniform
from daf.policies.game import Game
from daf.policies.policy import Policy


class Noop(Policy):
    """Does nothing."""

    def act(self, observations: torch.Tensor, state: None) -> tuple[torch.Tensor, None]:
        return torch.zeros(len(observations), dtype=torch.int64, device=observations.device), None


class Random(Policy):
    """Stays or moves, all five choices equally likely; `glyphs` adds that many glyph actions."""

    def __init__(self, game: Game, device: str = "cpu", glyphs: int = 0):
        super().__init__(game, device)
        if not 0 <= glyphs <= game.num_actions - 5:
            raise ValueError(f"glyphs: got {glyphs}; 0 to {game.num_actions - 5} are possible")
        self.choices = 5 + glyphs

    def initial_state(self, seeds: torch.Tensor) -> tuple[torch.Tensor, int]:
        return seeds, 0

    def act(self, observations: torch.Tensor, state: tuple) -> tuple[torch.Tensor, tuple]:
        seeds, step = state
        actions = (uniform(seeds, step) * self.choices).to(torch.int64)
        return actions, (seeds, step + 1)
