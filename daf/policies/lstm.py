"""The policy with memory: a long short-term memory over what each agent has seen."""

import torch
from torch import nn

from daf.policies.game import Game
from daf.policies.ops.lstm import lstm_sequence
from daf.policies.tokens import TokenEmbedding
from daf.policies.trainable import Head, TrainablePolicy, check_layer_width


class LSTM(TrainablePolicy):
    """Token embedding, one LSTM layer, heads for actions and value.

    `hidden_size` is the width H of embedding and LSTM; the memory of a row is [h, c], M = 2 H.
    """

    def __init__(self, game: Game, device: str = "cpu", hidden_size: int = 128, glyphs: int = 0):
        super().__init__(game, device, glyphs)
        check_layer_width("hidden_size", hidden_size)
        self.num_tokens = game.used_tokens
        self.hidden_size = hidden_size
        self.embedding = TokenEmbedding(game, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size)
        for name, parameter in self.lstm.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(parameter, 1.0)
            else:
                nn.init.zeros_(parameter)
        self.actor = Head(hidden_size, self.num_outputs, 0.01)
        self.critic = Head(hidden_size, 1, 1.0)
        self.to(device)

    def initial_recurrent_state(self, rows: int) -> torch.Tensor:
        return torch.zeros(rows, 2 * self.hidden_size, device=self.device)

    def forward(self, observations, memory, starts):
        steps, rows = observations.shape[:2]
        seen = self.embedding(observations.flatten(0, 1)).view(steps, rows, -1)
        over = self._forward_steps if seen.is_cuda else self._forward_segments
        output, memory = over(seen, memory, starts)
        return self.actor(output), self.critic(output).squeeze(-1), memory

    def _forward_segments(self, seen, memory, starts):
        """The fused LSTM, which knows no episodes and so runs from one start to the next."""
        steps = len(seen)
        cuts = [t for t in range(steps) if t == 0 or bool(starts[t].any())]
        outputs = []
        for begin, end in zip(cuts, [*cuts[1:], steps]):
            memory = torch.where(starts[begin][:, None], 0.0, memory)
            hidden, cell = memory[None].chunk(2, dim=-1)
            output, (hidden, cell) = self.lstm(
                seen[begin:end], (hidden.contiguous(), cell.contiguous())
            )
            memory = torch.cat([hidden[0], cell[0]], dim=-1)
            outputs.append(output)
        return torch.cat(outputs), memory

    def _forward_steps(self, seen, memory, starts):
        """The same on a GPU, which would have to be waited for to know where episodes start. In
        full precision: what takes its time are launches, not products."""
        inputs, own, *biases = (parameter for _, parameter in self.lstm.named_parameters())
        with torch.autocast(seen.device.type, enabled=False):
            added = nn.functional.linear(seen.float(), inputs, sum(biases))
            outputs, cell = lstm_sequence(added, own, *memory.chunk(2, dim=-1), starts)
        return outputs, torch.cat([outputs[-1], cell], dim=-1)
