"""Reference policy: a frozen network that PPO stays close to (Schmitt et al. 2018)."""

import torch

from daf.config import TrainingConfig
from daf.learn.precision import forward_in_precision
from daf.learn.rollout import Rollout
from daf.policies.trainable import TrainablePolicy

ROWS_PER_FORWARD = 256
"""Rows of one forward pass on the CPU, which bounds its memory."""


class ReferencePolicy:
    """Frozen network, with a recurrent state of its own in the worlds of a collector.

    It never acts. Its action probabilities enter the loss: the KL divergence from them keeps the
    learner close to what it has imitated (kickstarting, Schmitt et al. 2018, arXiv:1803.03835).

    Axes: L steps of a rollout, N rows, M size of the recurrent state, K actions.

    Args:
        network: network with the weights of the reference policy.
        num_rows: N.
        config: `precision` of its forward passes.

    Attributes:
        recurrent_state: float32 [N, M], state before the next step of the worlds.
    """

    def __init__(self, network: TrainablePolicy, num_rows: int, config: TrainingConfig):
        self.network = network
        self.precision = config.precision
        self.recurrent_state = network.initial_recurrent_state(num_rows)

    @torch.no_grad()
    def copy_learner(self, policy: TrainablePolicy, recurrent_state: torch.Tensor) -> None:
        """Take over the weights of the learner and its recurrent state.

        Args:
            policy: learner.
            recurrent_state: float32 [N, M or more]; columns after M belong to a team critic.
        """
        self.network.load_state_dict(policy.state_dict())
        self.recurrent_state.copy_(recurrent_state[:, : self.recurrent_state.shape[1]])

    @torch.no_grad()
    def write_action_probabilities(self, rollout: Rollout) -> None:
        """Write `rollout.reference_probs` for the observations of a rollout, once per rollout.

        A CUDA graph can capture it.
        """
        num_rows = len(self.recurrent_state)
        rows_per_forward = ROWS_PER_FORWARD if self.network.device == "cpu" else num_rows
        for first_row in range(0, num_rows, rows_per_forward):
            rows = slice(first_row, first_row + rows_per_forward)
            logits, _, recurrent_state = forward_in_precision(
                self.network,
                self.precision,
                rollout.observations[:, rows],
                self.recurrent_state[rows],
                rollout.episode_starts[:, rows],
            )
            rollout.reference_probs[:, rows] = torch.softmax(logits, dim=-1)
            self.recurrent_state[rows] = recurrent_state
