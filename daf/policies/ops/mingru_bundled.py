"""minGRU over a sequence of steps in plain torch; replaces `ops/mingru.py` in bundles.

The results are equal up to rounding.
"""

import torch

StatesAndLastState = tuple[torch.Tensor, torch.Tensor]
"""State after every step, and after the last step."""


def mingru_sequence(
    gates: torch.Tensor, initial_state: torch.Tensor, episode_starts: torch.Tensor
) -> StatesAndLastState:
    """Compute the states of a minGRU (Feng et al. 2024, arXiv:2410.01201).

    With update gate z and candidate c, the state is h_t = (1 - z_t) h_{t-1} + z_t c_t. An episode
    start replaces h_{t-1} by 0.

    Args:
        gates: float32 [L, N, 2 D], inputs a of z = sigmoid(a), then inputs b of c = tanh(b / 2).
        initial_state: float32 [N, D], state before the first step.
        episode_starts: bool [L, N]; where True, the state is reset to 0 before the step.

    Returns:
        states: float32 [L, N, D];
        last state: float32 [N, D].
    """
    state, states = initial_state, []
    for step_gates, not_start in zip(gates.sigmoid(), (~episode_starts)[..., None]):
        z, s = step_gates.chunk(2, dim=-1)
        state = torch.lerp(state * not_start, 2 * s - 1, z)
        states.append(state)
    return torch.stack(states), state
