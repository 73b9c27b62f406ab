"""A policy of your own, to begin with: copy this file and change it. See docs/policies.md.

policies:
  - config/my_policy.py:Wanderer
  - {class_path: config/my_policy.py:Network, init_kwargs: {size: 32}}
"""

import torch
from torch import nn

from daf.policies import Game, Policy, TrainablePolicy


class Wanderer(Policy):
    """Scripted: turns at every step, and rests when it is out of energy."""

    def initial_state(self, seeds):
        # int64 [N]: the same whenever this episode is played again, so take all chance from it.
        return seeds % 4

    def act(self, observations, state):
        # uint8 [N, T, 3]: tokens (location, feature, value); 255 where there is none. What an agent
        # carries, its energy among it, stands at its own cell, the middle of the window.
        height, width = self.game.window
        middle = (height // 2) << 4 | width // 2
        location, feature, value = observations.unbind(2)
        is_energy = (location == middle) & (feature == self.game.features.index("energy"))
        energy = (value * is_energy).sum(1)
        tired = energy < self.game.move_energy
        turned = (state * 5 + 3) % 64
        return torch.where(tired, 0, 1 + turned % 4), turned


class Network(TrainablePolicy):
    """Learns: the tokens as numbers, averaged, and what they were a moment ago."""

    def __init__(self, game: Game, device: str = "cpu", size: int = 32):
        super().__init__(game, device)
        self.size = size
        self.token = nn.Linear(3, size)
        self.actor = nn.Linear(2 * size, self.num_outputs)
        self.critic = nn.Linear(2 * size, 1)
        self.to(device)

    def initial_recurrent_state(self, rows):
        return torch.zeros(rows, self.size, device=self.device)

    def forward(self, observations, memory, starts):
        there = (observations[..., :1] != 255).float()
        seen = torch.relu(self.token(observations / 255)) * there
        seen = seen.sum(2) / there.sum(2).clamp(min=1)
        logits, values = [], []
        for now, begins in zip(seen, starts):  # L steps; an episode begins without a past
            past = torch.where(begins[:, None], 0.0, memory)
            both = torch.cat([now, past], dim=1)
            logits.append(self.actor(both))
            values.append(self.critic(both)[:, 0])
            memory = now
        return torch.stack(logits), torch.stack(values), memory
