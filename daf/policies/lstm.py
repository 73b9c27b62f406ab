"""Network with recurrent state: an LSTM (Hochreiter and Schmidhuber 1997) over observations."""

import torch
from torch import nn

from daf.policies.game import Game
from daf.policies.ops.lstm import lstm_sequence
from daf.policies.tokens import TokenEmbedding
from daf.policies.trainable import (
    Float32Linear,
    LogitsValuesState,
    TrainablePolicy,
    check_layer_width,
)


class LSTM(TrainablePolicy):
    """Token embedding, one LSTM layer, heads for logits and value.

    The recurrent state of a row is [h, c], so M = 2 D.

    Args:
        game: observation and action interface.
        device: torch device of the weights.
        hidden_size: D, width of the embedding and of the LSTM.
        glyphs: number of glyph actions.
    """

    def __init__(self, game: Game, device: str = "cpu", hidden_size: int = 128, glyphs: int = 0):
        super().__init__(game, device, glyphs)
        check_layer_width("hidden_size", hidden_size)
        self.num_tokens = game.used_tokens
        self.hidden_size = hidden_size
        self.embedding = TokenEmbedding(game, hidden_size)
        self.lstm = make_orthogonal_lstm(hidden_size)
        self.actor = Float32Linear(hidden_size, self.num_outputs, 0.01)
        self.critic = Float32Linear(hidden_size, 1, 1.0)
        self.to(device)

    def initial_recurrent_state(self, num_rows: int) -> torch.Tensor:
        """Return zeros, float32 [N, 2 D]."""
        return torch.zeros(num_rows, 2 * self.hidden_size, device=self.device)

    def forward(
        self,
        observations: torch.Tensor,
        recurrent_state: torch.Tensor,
        episode_starts: torch.Tensor,
    ) -> LogitsValuesState:
        """Run the network over a sequence of steps; see `TrainablePolicy.forward`."""
        steps, rows = observations.shape[:2]
        embedded = self.embedding(observations.flatten(0, 1)).view(steps, rows, -1)
        output, recurrent_state = run_lstm(self.lstm, embedded, recurrent_state, episode_starts)
        return self.actor(output), self.critic(output).squeeze(-1), recurrent_state


def make_orthogonal_lstm(size: int) -> nn.LSTM:
    """Return an LSTM layer with orthogonal initial weights and zero bias.

    Args:
        size: D, width of inputs and outputs.
    """
    lstm = nn.LSTM(size, size)
    for name, parameter in lstm.named_parameters():
        if "weight" in name:
            nn.init.orthogonal_(parameter, 1.0)
        else:
            nn.init.zeros_(parameter)
    return lstm


def run_lstm(
    lstm: nn.LSTM,
    inputs: torch.Tensor,
    recurrent_state: torch.Tensor,
    episode_starts: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run an LSTM layer over a sequence of steps, with resets of single rows.

    Args:
        lstm: layer of width D.
        inputs: float32 [L, N, D].
        recurrent_state: float32 [N, 2 D], [h, c] before the first step.
        episode_starts: bool [L, N]; where True, the recurrent state is reset before the step.

    Returns:
        outputs float32 [L, N, D]; recurrent state float32 [N, 2 D] after the last step.
    """
    run = run_lstm_steps if inputs.is_cuda else run_lstm_segments
    return run(lstm, inputs, recurrent_state, episode_starts)


def run_lstm_segments(
    lstm: nn.LSTM,
    inputs: torch.Tensor,
    recurrent_state: torch.Tensor,
    episode_starts: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the fused LSTM of torch from one episode start to the next; see `run_lstm`.

    The fused LSTM cannot reset the state of single rows within a sequence.
    """
    steps = len(inputs)
    cuts = [0]
    if steps > 1:  # `torch.export` of a single step allows no test of data
        cuts += (1 + episode_starts[1:].any(1).nonzero()[:, 0]).tolist()
    outputs = []
    for start, end in zip(cuts, [*cuts[1:], steps]):
        recurrent_state = torch.where(episode_starts[start][:, None], 0.0, recurrent_state)
        hidden, cell = recurrent_state[None].chunk(2, dim=-1)
        output, (hidden, cell) = lstm(inputs[start:end], (hidden.contiguous(), cell.contiguous()))
        recurrent_state = torch.cat([hidden[0], cell[0]], dim=-1)
        outputs.append(output)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs), recurrent_state


def run_lstm_steps(
    lstm: nn.LSTM,
    inputs: torch.Tensor,
    recurrent_state: torch.Tensor,
    episode_starts: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the LSTM step by step on a GPU; see `run_lstm`.

    Finding the episode starts would force a synchronization with the GPU. Precision is always
    float32: kernel launches take the time, not the matrix products.
    """
    input_weights, recurrent_weights, input_bias, recurrent_bias = (
        parameter for _, parameter in lstm.named_parameters()
    )
    hidden, cell = recurrent_state.chunk(2, dim=-1)
    with torch.autocast(inputs.device.type, enabled=False):
        bias = input_bias + recurrent_bias
        input_gates = nn.functional.linear(inputs.float(), input_weights, bias)
        outputs, cell = lstm_sequence(input_gates, recurrent_weights, hidden, cell, episode_starts)
    return outputs, torch.cat([outputs[-1], cell], dim=-1)
