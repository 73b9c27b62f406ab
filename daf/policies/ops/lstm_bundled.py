"""LSTM over a sequence of steps in plain torch; replaces `ops/lstm.py` in bundles.

The results are equal up to rounding.
"""

import torch

HiddenStatesAndLastCell = tuple[torch.Tensor, torch.Tensor]
"""Hidden state after every step, and cell state after the last step."""


def lstm_sequence(
    input_gates: torch.Tensor,
    recurrent_weights: torch.Tensor,
    initial_hidden: torch.Tensor,
    initial_cell_state: torch.Tensor,
    episode_starts: torch.Tensor,
) -> HiddenStatesAndLastCell:
    """Compute the equations of `torch.nn.LSTM` with resets at episode starts.

    Args:
        input_gates: float32 [L, N, 4 D], contribution of the inputs to the gates i, f, g, o.
        recurrent_weights: float32 [4 D, D], weights from the hidden state to the gates.
        initial_hidden: float32 [N, D], hidden state before the first step.
        initial_cell_state: float32 [N, D], cell state before the first step.
        episode_starts: bool [L, N]; where True, both states are reset to 0 before the step.

    Returns:
        hidden states: float32 [L, N, D];
        cell state: float32 [N, D], after the last step.
    """
    hidden, cell, hiddens = initial_hidden, initial_cell_state, []
    for step_gates, not_start in zip(input_gates, (~episode_starts)[..., None]):
        gates = step_gates + (hidden * not_start) @ recurrent_weights.T
        i, f, g, o = gates.chunk(4, dim=-1)
        cell = f.sigmoid() * (cell * not_start) + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        hiddens.append(hidden)
    return torch.stack(hiddens), cell
