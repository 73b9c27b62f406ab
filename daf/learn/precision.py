"""Numerical precision of a network during training."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch

from daf.policies.trainable import LogitsValuesState


def reuse_weight_casts(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which `forward_in_precision` casts the weights once for all its calls.

    The context must end before the weights change. It has no other effect.
    """
    return torch.autocast(device.type, enabled=False)


def forward_in_precision(
    network: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], LogitsValuesState],
    precision: str,
    observations: torch.Tensor,
    recurrent_state: torch.Tensor,
    episode_starts: torch.Tensor,
) -> LogitsValuesState:
    """Call a network in a numerical precision.

    "bfloat16" is mixed precision (Micikevicius et al. 2018, arXiv:1710.03740): matrix products take
    bfloat16 factors, weights and gradients stay float32. Loss scaling is unnecessary, since
    bfloat16 has the range of float32.

    Args:
        network: policy, or a function with the arguments and results of its `forward`.
        precision: "float32" or "bfloat16".
        observations: uint8 [L, N, T, 3].
        recurrent_state: float32 [N, M], before the first step.
        episode_starts: bool [L, N].

    Returns:
        logits [L, N, K], values [L, N] and recurrent state [N, M], float32.
    """
    if precision == "float32":  # entering a disabled autocast takes as long as small layers
        outputs = network(observations, recurrent_state, episode_starts)
    else:
        with torch.autocast(observations.device.type, torch.bfloat16):
            outputs = network(observations, recurrent_state, episode_starts)
    logits, values, recurrent_state = outputs
    return logits.float(), values.float(), recurrent_state.float()
