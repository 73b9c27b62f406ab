"""Rollout: the tensors of one rollout, and their allocation."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from daf.learn.team_critic import ActorCritic

NO_TEACHER_ACTION = -1
"""Teacher action of a sample without a label."""


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
        initial_recurrent_state: float32 [N, M], of policy and team critic before the first step.
        reference_probs: float32 [L, N, K], action probabilities of the reference policy; empty in
            a run without one.
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
    reference_probs: torch.Tensor


class RolloutWithAdvantage(NamedTuple):
    """Rollout and its advantages, float32 [L, N]."""

    rollout: Rollout
    advantage: torch.Tensor


def allocate_rollout(
    network: ActorCritic, num_steps: int, num_rows: int, has_reference_policy: bool
) -> Rollout:
    """Allocate the tensors of a rollout on the device of the policy, without labels.

    Args:
        network: policy that will act, and its critic.
        num_steps: L.
        num_rows: N.
        has_reference_policy: true if the run will have a reference policy.
    """
    policy = network.policy
    device, shape = policy.device, (num_steps, num_rows)

    def empty(dtype: torch.dtype, *trailing: int) -> torch.Tensor:
        return torch.empty(*shape, *trailing, dtype=dtype, device=device)

    return Rollout(
        observations=empty(torch.uint8, policy.num_tokens, 3),
        actions=empty(torch.int64),
        teacher_actions=torch.full(shape, NO_TEACHER_ACTION, dtype=torch.int8, device=device),
        logits=empty(torch.float32, policy.num_outputs),
        log_probs=empty(torch.float32),
        values=empty(torch.float32),
        rewards=empty(torch.float32),
        episode_starts=empty(torch.bool),
        dones=empty(torch.bool),
        initial_recurrent_state=torch.empty_like(network.initial_recurrent_state(num_rows)),
        reference_probs=(
            empty(torch.float32, policy.num_outputs)
            if has_reference_policy
            else torch.empty(0, 0, 0, device=device)
        ),
    )
