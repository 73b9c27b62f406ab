"""Rollout: the tensors of one rollout."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Rollout:
    """One rollout in its final layout; L steps, N rows (agents of all worlds), T tokens."""

    observations: torch.Tensor  # uint8 [L, N, T, 3]
    actions: torch.Tensor  # int64 [L, N]
    teacher_actions: (
        torch.Tensor
    )  # int8 [L, N] what the teacher would have done, NOBODY without one
    logits: torch.Tensor  # float32 [L, N, K]
    log_probs: torch.Tensor  # float32 [L, N] of the actions when they were taken
    values: torch.Tensor  # float32 [L, N]
    rewards: torch.Tensor  # float32 [L, N] shaped
    episode_starts: torch.Tensor  # bool [L, N] an episode begins with this observation
    dones: torch.Tensor  # bool [L, N] the episode ended with this step
    initial_recurrent_state: torch.Tensor  # float32 [N, M] before the first step
