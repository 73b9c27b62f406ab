"""Our networks in plain torch, for playing only: no kernels, no critic, no gradients."""

import torch
from torch import nn


class Network(nn.Module):
    """A network of DAF's, by the names of its weights.

    Axes: N agents, T tokens, K actions, M size of the memory (0 or 2 * hidden_size).
    """

    def __init__(self, kind: str, hidden_size: int, rows: int, outputs: int):
        """
        Args:
            kind: "stateless" or "lstm".
            hidden_size: of all layers.
            rows: of the embedding.
            outputs: K.
        """
        super().__init__()
        self.memory_size = 2 * hidden_size if kind == "lstm" else 0
        self.embedding = Embedding(rows, hidden_size)
        if kind == "lstm":
            self.lstm = nn.LSTM(hidden_size, hidden_size)
        else:
            self.hidden = nn.Linear(hidden_size, hidden_size)
        self.actor = nn.Linear(hidden_size, outputs)

    def forward(self, tokens: torch.Tensor, memory: torch.Tensor):
        """Tokens uint8 [N, T, 3], memory float32 [N, M] -> logits float32 [N, K], memory."""
        seen = torch.relu(self.embedding(tokens))
        if not self.memory_size:
            return self.actor(torch.relu(self.hidden(seen))), memory
        hidden, cell = (part.contiguous() for part in memory[None].chunk(2, dim=-1))
        output, (hidden, cell) = self.lstm(seen[None], (hidden, cell))
        return self.actor(output[0]), torch.cat([hidden[0], cell[0]], dim=-1)


class Embedding(nn.Module):
    """The sum of a learned row for each token; which row, and by what factor, is in tables."""

    def __init__(self, rows: int, size: int):
        super().__init__()
        self.register_buffer("places", torch.zeros(256, dtype=torch.int32))
        self.register_buffer("slots", torch.zeros(256 * 256, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(256 * 256))
        self.table = nn.Parameter(torch.zeros(rows, size))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        location, feature, value = (part.long() for part in tokens.unbind(-1))
        said = feature * 256 + value
        factor = self.weights[said] * (location != 255)
        row = self.places[location] + self.slots[said]
        return (
            nn.functional.embedding_bag(row, self.table, mode="sum", per_sample_weights=factor)
            + self.bias
        )
