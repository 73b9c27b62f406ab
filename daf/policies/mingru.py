"""Network with recurrent state: a minGRU (Feng et al. 2024, arXiv:2410.01201) over observations."""

import math

import torch

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


class MinGRU(TrainablePolicy):
    """Token embedding, one minGRU layer with a highway connection, heads for logits and value.

    The gates depend on the observation alone and not on the recurrent state, so one matrix product
    computes those of all steps. The recurrent state of a row has M = D units.

    Args:
        game: observation and action interface.
        device: torch device of the weights.
        hidden_size: D, width of the embedding and of the minGRU.
        glyphs: number of glyph actions.
    """

    def __init__(self, game: Game, device: str = "cpu", hidden_size: int = 128, glyphs: int = 0):
        super().__init__(game, device, glyphs)
        check_layer_width("hidden_size", hidden_size)
        self.num_tokens = game.used_tokens
        self.hidden_size = hidden_size
        self.embedding = TokenEmbedding(game, hidden_size)
        # Each of the 3 gates has about unit gain.
        self.gates = OrthogonalLinear(hidden_size, 3 * hidden_size, math.sqrt(3))
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
        output, recurrent_state = mingru_sequence(
            self.gates(embedded).float(), embedded, recurrent_state, episode_starts
        )
        return self.actor(output), self.critic(output).squeeze(-1), recurrent_state
