"""Template of user policies: a scripted policy and a network (docs/tutorials/first_policy.md).

policies:
  - config/my_policy.py:Wanderer
  - {class_path: config/my_policy.py:Network, init_kwargs: {size: 32}}
"""

import torch
from torch import nn

from daf.policies import Game, Policy, TrainablePolicy


class Wanderer(Policy):
    """Scripted policy: turns at every step, and rests when it is out of energy."""

    def initial_state(self, seeds):
        """Return the state at the start of an episode: a number per row."""
        # seeds: int64 [N], fixed by the episode; derive all random numbers from them.
        return seeds % 4

    def act(self, observations, state):
        """Return an action for every row, and the next state."""
        # observations: uint8 [N, T, 3], tokens (location, feature, value); empty tokens are 255.
        # Tokens of the agent itself, such as its energy, are at the center of the window.
        height, width = self.game.window
        center = (height // 2) << 4 | width // 2
        location, feature, value = observations.unbind(2)
        is_energy = (location == center) & (feature == self.game.features.index("energy"))
        energy = (value * is_energy).sum(1)
        is_tired = energy < self.game.move_energy
        next_state = (state * 5 + 3) % 64
        return torch.where(is_tired, 0, 1 + next_state % 4), next_state


class Network(TrainablePolicy):
    """Network with recurrent state: mean of the embedded tokens, of this and the last step."""

    def __init__(self, game: Game, device: str = "cpu", size: int = 32):
        super().__init__(game, device)
        self.size = size
        self.token = nn.Linear(3, size)
        self.actor = nn.Linear(2 * size, self.num_outputs)
        self.critic = nn.Linear(2 * size, 1)
        self.to(device)

    def initial_recurrent_state(self, num_rows):
        """Return the recurrent state at the start of an episode."""
        return torch.zeros(num_rows, self.size, device=self.device)

    def forward(self, observations, recurrent_state, episode_starts):
        """Return logits, values and the next recurrent state of a sequence of steps."""
        # L steps of N rows; the recurrent state is reset where an episode starts.
        is_token = (observations[..., :1] != 255).float()
        embedded = torch.relu(self.token(observations / 255)) * is_token
        embedded = embedded.sum(2) / is_token.sum(2).clamp(min=1)
        logits, values = [], []
        for current, is_start in zip(embedded, episode_starts):
            previous = torch.where(is_start[:, None], 0.0, recurrent_state)
            features = torch.cat([current, previous], dim=1)
            logits.append(self.actor(features))
            values.append(self.critic(features)[:, 0])
            recurrent_state = current
        return torch.stack(logits), torch.stack(values), recurrent_state
