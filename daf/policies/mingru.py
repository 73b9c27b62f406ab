"""Network with recurrent state: a minGRU (Feng et al. 2024, arXiv:2410.01201) over observations."""

import math

import torch
from torch import nn

from daf.policies.game import Game
from daf.policies.ops.mingru import mingru_sequence
from daf.policies.tokens import TokenEmbedding
from daf.policies.trainable import (
    Float32Linear,
    LogitsValuesState,
    OrthogonalLinear,
    TrainablePolicy,
    check_layer_width,
)

UPDATE_BIAS = -1.0
"""Initial bias of the update gate: a state keeps 73 % of its value per step."""
CANDIDATE_GAIN = 4.0
"""Initial gain of the candidate: its values differ much, although the update gate damps them."""


class MinGRU(TrainablePolicy):
    """Token embedding, one minGRU layer, one hidden layer, heads for logits and value.

    The gates depend on the observation alone and not on the recurrent state, so one matrix product
    computes those of all steps. The hidden layer receives the embedding and the recurrent state,
    since only a nonlinear layer combines what is seen with what is remembered. M = D.

    Args:
        game: observation and action interface.
        device: torch device of the weights.
        hidden_size: D, width of all layers.
        glyphs: number of glyph actions.
    """

    def __init__(self, game: Game, device: str = "cpu", hidden_size: int = 128, glyphs: int = 0):
        super().__init__(game, device, glyphs)
        check_layer_width("hidden_size", hidden_size)
        self.num_tokens = game.used_tokens
        self.hidden_size = hidden_size
        self.embedding = TokenEmbedding(game, hidden_size)
        self.gates = nn.Linear(hidden_size, 2 * hidden_size)
        update, candidate = self.gates.weight.data.chunk(2)
        nn.init.orthogonal_(update, 1.0)
        nn.init.orthogonal_(candidate, CANDIDATE_GAIN)
        nn.init.zeros_(self.gates.bias)
        self.gates.bias.data[:hidden_size] = UPDATE_BIAS
        self.hidden = OrthogonalLinear(2 * hidden_size, hidden_size, math.sqrt(2))
        self.actor = Float32Linear(hidden_size, self.num_outputs, 0.01)
        self.critic = Float32Linear(hidden_size, 1, 1.0)
        self.to(device)

    def initial_recurrent_state(self, num_rows: int) -> torch.Tensor:
        """Return zeros, float32 [N, D]."""
        return torch.zeros(num_rows, self.hidden_size, device=self.device)

    def forward(
        self,
        observations: torch.Tensor,
        recurrent_state: torch.Tensor,
        episode_starts: torch.Tensor,
    ) -> LogitsValuesState:
        """Run the network over a sequence of steps; see `TrainablePolicy.forward`."""
        steps, rows = observations.shape[:2]
        embedded = self.embedding(observations.flatten(0, 1)).view(steps, rows, -1)
        # The state is float32 even under autocast: it adds up small changes over many steps.
        gates = self.gates(embedded).float()
        states, recurrent_state = mingru_sequence(gates, recurrent_state, episode_starts)
        hidden = torch.relu_(self.hidden(torch.cat([embedded, states], dim=-1)))
        return self.actor(hidden), self.critic(hidden).squeeze(-1), recurrent_state
