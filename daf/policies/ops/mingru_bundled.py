"""minGRU over a sequence of steps in plain torch; replaces `ops/mingru.py` in bundles.

The results are equal up to rounding.
"""

import torch

OutputsAndLastState = tuple[torch.Tensor, torch.Tensor]
"""Output of every step, and state after the last step."""


def mingru_sequence(
    gates: torch.Tensor,
    inputs: torch.Tensor,
    initial_state: torch.Tensor,
    episode_starts: torch.Tensor,
) -> OutputsAndLastState:
    """Compute a minGRU (Feng et al. 2024, arXiv:2410.01201) with a highway connection.

    With update gate z, highway gate o and candidate c, the state is h_t = (1 - z) h_{t-1} + z c and
    the output is y_t = (1 - o) x_t + o h_t. An episode start replaces h_{t-1} by 0.

    Args:
        gates: float32 [L, N, 3 D], z, o and c before their activation functions, which are the
            logistic function for z and o and tanh for c.
        inputs: float32 [L, N, D], x.
        initial_state: float32 [N, D], state before the first step.
        episode_starts: bool [L, N]; where True, the state is reset to 0 before the step.

    Returns:
        outputs: float32 [L, N, D];
        state: float32 [N, D], after the last step.
    """
    state, outputs = initial_state, []
    for step_gates, step_inputs, not_start in zip(gates, inputs, (~episode_starts)[..., None]):
        z, o, c = step_gates.chunk(3, dim=-1)
        state = torch.lerp(state * not_start, 2 * c.sigmoid() - 1, z.sigmoid())
        outputs.append(torch.lerp(step_inputs, state, o.sigmoid()))
    return torch.stack(outputs), state
