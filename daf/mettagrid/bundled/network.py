"""Networks of DAF in plain torch, for inference only: no kernels, critic or gradients."""

import torch
from torch import nn


class Network(nn.Module):
    """Network of DAF with the same tensor names.

    Axes: N agents, T tokens, K actions, M size of the recurrent state.

    Args:
        architecture: "stateless", "lstm" or "mingru".
        hidden_size: width of all layers.
        table_rows: rows of the embedding table.
        num_outputs: K.

    Attributes:
        recurrent_state_size: M.
    """

    def __init__(self, architecture: str, hidden_size: int, table_rows: int, num_outputs: int):
        super().__init__()
        self.architecture = architecture
        self.recurrent_state_size = {"lstm": 2, "mingru": 1}.get(architecture, 0) * hidden_size
        self.embedding = Embedding(table_rows, hidden_size)
        if architecture == "lstm":
            self.lstm = nn.LSTM(hidden_size, hidden_size)
        elif architecture == "mingru":
            self.gates = nn.Linear(hidden_size, 2 * hidden_size)
            self.hidden = nn.Linear(2 * hidden_size, hidden_size)
        else:
            self.hidden = nn.Linear(hidden_size, hidden_size)
        self.actor = nn.Linear(hidden_size, num_outputs)

    def forward(
        self, tokens: torch.Tensor, recurrent_state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the network for one step.

        Args:
            tokens: uint8 [N, T, 3].
            recurrent_state: float32 [N, M], state before the step.

        Returns:
            logits: float32 [N, K];
            recurrent state: float32 [N, M], state after the step.
        """
        embedded = torch.relu(self.embedding(tokens))
        if self.architecture == "stateless":
            return self.actor(torch.relu(self.hidden(embedded))), recurrent_state
        if self.architecture == "mingru":
            update, candidate = self.gates(embedded).chunk(2, dim=-1)
            recurrent_state = torch.lerp(
                recurrent_state, torch.tanh(candidate / 2), torch.sigmoid(update)
            )
            hidden = self.hidden(torch.cat([embedded, recurrent_state], dim=-1))
            return self.actor(torch.relu(hidden)), recurrent_state
        hidden, cell = (part.contiguous() for part in recurrent_state[None].chunk(2, dim=-1))
        output, (hidden, cell) = self.lstm(embedded[None], (hidden, cell))
        return self.actor(output[0]), torch.cat([hidden[0], cell[0]], dim=-1)


class Embedding(nn.Module):
    """Weighted sum of one learned row per token.

    The row of a token is cell_offsets[location] + slots[feature * 256 + value], its weight
    weights[feature * 256 + value].

    Args:
        table_rows: rows of the table.
        size: width of the output.
    """

    cell_offsets: torch.Tensor
    slots: torch.Tensor
    weights: torch.Tensor

    def __init__(self, table_rows: int, size: int):
        super().__init__()
        self.register_buffer("cell_offsets", torch.zeros(256, dtype=torch.int32))
        self.register_buffer("slots", torch.zeros(256 * 256, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(256 * 256))
        self.table = nn.Parameter(torch.zeros(table_rows, size))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the weighted sum of each observation, float32 [N, size]."""
        location, feature, value = (part.long() for part in tokens.unbind(-1))
        index = feature * 256 + value
        factor = self.weights[index] * (location != 255)
        row = self.cell_offsets[location] + self.slots[index]
        return (
            nn.functional.embedding_bag(row, self.table, mode="sum", per_sample_weights=factor)
            + self.bias
        )
