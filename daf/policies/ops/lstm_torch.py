"""A long short-term memory over many steps in plain torch: the `ops/lstm.py` of a bundle, with
the same numbers up to rounding."""

import torch


def lstm_sequence(
    inputs: torch.Tensor,
    weights: torch.Tensor,
    hidden: torch.Tensor,
    cell: torch.Tensor,
    starts: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The hidden states, float32 [L, N, H], and the last cell state, [N, H], of an LSTM: from what
    the inputs, float32 [L, N, 4 H], and the hidden state, by weights [4 H, H], add to the gates.
    Where starts, bool [L, N], say so, the memory is set back to zeros before the step."""
    found = []
    for added, kept in zip(inputs, (~starts)[..., None]):
        gates = added + (hidden * kept) @ weights.T
        entry, forget, new, out = gates.chunk(4, dim=-1)
        cell = forget.sigmoid() * (cell * kept) + entry.sigmoid() * new.tanh()
        hidden = out.sigmoid() * cell.tanh()
        found.append(hidden)
    return torch.stack(found), cell
