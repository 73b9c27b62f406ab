"""Rollout: the tensors of one rollout."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Rollout:
    """Tensors of L steps of N rows, in the layout of the learner.

    Attributes:
        observations: uint8 [L, N, T, 3].
        actions: int64 [L, N], executed actions.
        teacher_actions: int8 [L, N], labels of the teacher, or NO_TEACHER_ACTION.
        logits: float32 [L, N, K], of the policy that collected the rollout.
        log_probs: float32 [L, N], log-probabilities of the actions under that policy.
        values: float32 [L, N], of the observation before each step.
        rewards: float32 [L, N], with shaping.
        episode_starts: bool [L, N], true for the first observation of an episode.
        dones: bool [L, N], true where the step ends the episode.
        initial_recurrent_state: float32 [N, M], before the first step.
    """

    observations: torch.Tensor
    actions: torch.Tensor
    teacher_actions: torch.Tensor
    logits: torch.Tensor
    log_probs: torch.Tensor
    values: torch.Tensor
    rewards: torch.Tensor
    episode_starts: torch.Tensor
    dones: torch.Tensor
    initial_recurrent_state: torch.Tensor
