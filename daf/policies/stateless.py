"""The policy without memory: what it sees now decides what it does now."""

import math

import torch

from daf.policies.game import Game
from daf.policies.tokens import TokenEmbedding
from daf.policies.trainable import Dense, Head, TrainablePolicy, check_layer_width


class Stateless(TrainablePolicy):
    """Token embedding, one hidden layer, heads for actions and value.

    `hidden_size` is the width of both layers, `glyphs` the number of glyph actions used.
    """

    def __init__(self, game: Game, device: str = "cpu", hidden_size: int = 128, glyphs: int = 0):
        super().__init__(game, device, glyphs)
        check_layer_width("hidden_size", hidden_size)
        self.num_tokens = game.used_tokens
        self.embedding = TokenEmbedding(game, hidden_size)
        self.hidden = Dense(hidden_size, hidden_size, math.sqrt(2))
        self.actor = Head(hidden_size, self.num_outputs, 0.01)
        self.critic = Head(hidden_size, 1, 1.0)
        self.to(device)

    def initial_recurrent_state(self, rows: int) -> torch.Tensor:
        return torch.zeros(rows, 0, device=self.device)

    def forward(self, observations, memory, starts):
        steps, rows = observations.shape[:2]
        seen = self.embedding(observations.flatten(0, 1))
        hidden = torch.relu_(self.hidden(seen))
        logits = self.actor(hidden).view(steps, rows, -1)
        return logits, self.critic(hidden).view(steps, rows), memory
