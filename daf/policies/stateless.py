"""Network without recurrent state: the action depends on the current observation only."""

import math

import torch

from daf.policies.game import Game
from daf.policies.tokens import TokenEmbedding
from daf.policies.trainable import (
    Float32Linear,
    LogitsValuesState,
    OrthogonalLinear,
    TrainablePolicy,
    check_layer_width,
)


class Stateless(TrainablePolicy):
    """Token embedding, one hidden layer, heads for logits and value.

    Args:
        game: observation and action interface.
        device: torch device of the weights.
        hidden_size: D, width of the embedding and of the hidden layer.
        glyphs: number of glyph actions.
    """

    def __init__(self, game: Game, device: str = "cpu", hidden_size: int = 128, glyphs: int = 0):
        super().__init__(game, device, glyphs)
        check_layer_width("hidden_size", hidden_size)
        self.num_tokens = game.used_tokens
        self.embedding = TokenEmbedding(game, hidden_size)
        self.hidden = OrthogonalLinear(hidden_size, hidden_size, math.sqrt(2))
        self.actor = Float32Linear(hidden_size, self.num_outputs, 0.01)
        self.critic = Float32Linear(hidden_size, 1, 1.0)
        self.to(device)

    def initial_recurrent_state(self, num_rows: int) -> torch.Tensor:
        """Return an empty recurrent state, float32 [N, 0]."""
        return torch.zeros(num_rows, 0, device=self.device)

    def forward(
        self,
        observations: torch.Tensor,
        recurrent_state: torch.Tensor,
        episode_starts: torch.Tensor,
    ) -> LogitsValuesState:
        """Run the network over all steps at once; see `TrainablePolicy.forward`."""
        steps, rows = observations.shape[:2]
        embedded = self.embedding(observations.flatten(0, 1))
        hidden = torch.relu_(self.hidden(embedded))
        logits = self.actor(hidden).view(steps, rows, -1)
        return logits, self.critic(hidden).view(steps, rows), recurrent_state
