"""Generalized advantage estimation (Schulman et al. 2016, arXiv:1506.02438, eq. 16)."""

import torch


def compute_gae(
    rewards: torch.Tensor,
    values: torch.Tensor,
    dones: torch.Tensor,
    last_value: torch.Tensor,
    gamma: float,
    gae_lambda: float,
) -> torch.Tensor:
    """Compute the advantage of each action, as the backward recursion of eq. 16.

    Args:
        rewards: float32 [L, N]; at a truncation the caller adds gamma times the value of the
            final observation.
        values: float32 [L, N], value of the observation before each step.
        dones: bool [L, N], true where the step ends the episode; no value crosses it.
        last_value: float32 [N], value of the observation after the last step.
        gamma: discount per step.
        gae_lambda: trace decay per step.

    Returns:
        advantages, float32 [L, N].
    """
    advantages = torch.empty_like(rewards)
    not_done = (~dones).to(rewards.dtype)
    next_value = last_value
    advantage = torch.zeros_like(last_value)
    for t in reversed(range(len(rewards))):
        td_error = rewards[t] + gamma * next_value * not_done[t] - values[t]
        advantage = td_error + gamma * gae_lambda * not_done[t] * advantage
        advantages[t] = advantage
        next_value = values[t]
    return advantages
