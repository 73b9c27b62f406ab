"""How exact a network is while it learns."""

import torch

from daf.policies.trainable import TrainablePolicy


def autocast_cache(device: torch.device) -> torch.autocast:
    """A context in which the weights are cast for the first of several `forward_in_precision`, not for each: to
    be left before they change. It alters nothing else."""
    return torch.autocast(device.type, enabled=False)


def forward_in_precision(
    policy: TrainablePolicy,
    precision: str,
    observations: torch.Tensor,
    memory: torch.Tensor,
    starts: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What `policy.forward` says; see there.

    With "bfloat16" the layers multiply numbers of 16 bits, of which products and sums of a matrix
    have as great a range as those of 32, but two or three digits (mixed precision; Micikevicius et
    al. 2018, arXiv:1710.03740, without its scaling of the loss, which numbers of that range do not
    need). The weights, their gradients and all answers are float32 all the same.
    """
    with torch.autocast(observations.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        found = policy(observations, memory, starts)
    return tuple(tensor.float() for tensor in found)
