"""Generalised advantage estimation (Schulman et al. 2016, arXiv:1506.02438, equation 16)."""

import torch


def advantages(
    rewards: torch.Tensor,
    values: torch.Tensor,
    dones: torch.Tensor,
    last_value: torch.Tensor,
    gamma: float,
    gae_lambda: float,
) -> torch.Tensor:
    """How much better each action was than expected.

    Args:
        rewards: float32 [L, N]; at a truncation the caller adds gamma times the value of the
            observation that was cut off.
        values: float32 [L, N] of the observation before each step.
        dones: bool [L, N], the episode ended with the step: nothing is bootstrapped across.
        last_value: float32 [N] of the observation after the last step.
        gamma, gae_lambda: discount and trace decay, per step.

    Returns:
        float32 [L, N].
    """
    result = torch.empty_like(rewards)
    going_on = (~dones).to(rewards.dtype)
    following = last_value
    advantage = torch.zeros_like(last_value)
    for t in reversed(range(len(rewards))):
        error = rewards[t] + gamma * following * going_on[t] - values[t]
        advantage = error + gamma * gae_lambda * going_on[t] * advantage
        result[t] = advantage
        following = values[t]
    return result
