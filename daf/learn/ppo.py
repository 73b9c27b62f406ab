"""Proximal policy optimization (Schulman et al. 2017, arXiv:1707.06347): one update."""

import copy
from concurrent.futures import Executor
from typing import NamedTuple

import torch
from torch import nn

from daf.config.training import TrainingConfig
from daf.learn.ppo_loss import LOSS_METRICS, ppo_loss_gradients
from daf.learn.precision import forward_in_precision
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.rollout import Rollout
from daf.policies.trainable import TrainablePolicy

METRICS = (*LOSS_METRICS, "gradient_norm")
MICROBATCH_SAMPLES, MAX_MICROBATCHES = 2048, 8
"""Minimum samples of a microbatch; maximum microbatches of a minibatch."""

MeanMetrics = torch.Tensor
"""METRICS averaged over the minibatches of an update, float32 [6], on the device."""


class Minibatch(NamedTuple):
    """Rows of one optimizer step.

    Attributes:
        local_rows: int64 [n], this rank's rows of the minibatch, as indices into its rollout.
        advantage_mean_std: float32 [2], mean and standard deviation over all ranks.
        num_samples_on_all_ranks: number of samples on all ranks.
    """

    local_rows: torch.Tensor
    advantage_mean_std: torch.Tensor
    num_samples_on_all_ranks: int


class PPOLearner:
    """Optimizer of a policy: one update per rollout.

    On the CPU the rows of a minibatch are cut into microbatches. Their gradients can be computed in
    parallel and are added in order. The cut depends on sizes only, so the result does not depend on
    the number of threads.

    With several ranks, each computes the gradients of its local rows. One all-reduce adds gradients
    and metrics before each optimizer step. `DistributedDataParallel` does not fit: it expects one
    backward pass per step with equal numbers of rows on every rank, and it averages.

    Args:
        policy: network to optimize in place.
        config: hyperparameters of PPO.
        executor: thread pool that computes microbatches in parallel; None: sequential.
        ranks: processes of the run.

    Attributes:
        optimizer: Adam over the parameters of the policy.
        global_rows: int64 [N], index of each local row among the rows of all ranks; required with
            several ranks.
    """

    def __init__(
        self,
        policy: TrainablePolicy,
        config: TrainingConfig,
        executor: Executor | None = None,
        ranks: Ranks = SINGLE_RANK,
    ):
        self.ranks = ranks
        self.global_rows: torch.Tensor | None = None
        self.policy = policy
        self.config = config
        self._map = executor.map if executor else map
        on_gpu = policy.device != "cpu"
        # A captured update reads learning rate and row order from device memory.
        lr = torch.tensor(config.learning_rate, device=policy.device) if on_gpu else 0.0
        self.optimizer = torch.optim.Adam(
            policy.parameters(), lr=lr, eps=1e-5, fused=True, capturable=on_gpu
        )
        # One replica of the policy per microbatch: shared weights, separate gradients.
        self._replicas = [policy]
        self._row_orders: torch.Tensor | None = None

    def prepare_update(
        self, learning_rate: float, total_rows: int, generator: torch.Generator
    ) -> None:
        """Set the learning rate and draw the row order of each epoch of the next update.

        Args:
            learning_rate: learning rate of the update.
            total_rows: rows of the rollouts of all ranks.
            generator: random generator; its state alone decides the order.
        """
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(learning_rate)
            else:
                group["lr"] = learning_rate
        epochs = range(self.config.epochs)
        orders = torch.stack([torch.randperm(total_rows, generator=generator) for _ in epochs])
        if self._row_orders is None or self._row_orders.shape != orders.shape:
            self._row_orders = orders.to(self.policy.device)
        self._row_orders.copy_(orders)

    def update(self, rollout: Rollout, advantage: torch.Tensor) -> MeanMetrics:
        """Optimize the policy on one rollout; `prepare_update` comes first.

        A minibatch is a set of rows over all L steps. Recurrent policies process whole sequences,
        from the recurrent state at the start of the rollout.

        Args:
            rollout: rollout of `RolloutCollector.collect`.
            advantage: float32 [L, N]; returns are advantage + value.

        Returns:
            METRICS, averaged over minibatches.
        """
        # minibatches: each epoch's order of rows, cut into equal parts
        assert self._row_orders is not None
        num_minibatches = min(self.config.minibatches, self._row_orders.shape[1])
        row_sets = [rows for order in self._row_orders for rows in order.chunk(num_minibatches)]
        samples = [len(rows) * len(advantage) for rows in row_sets]
        if self.ranks.count > 1:
            row_sets = [self._select_local_row_indices(rows) for rows in row_sets]

        # moments of the advantages of each minibatch, over all ranks
        mean_stds = self.ranks.compute_mean_std_pairs(
            [advantage.index_select(1, rows) for rows in row_sets]
        )

        # one optimizer step per minibatch
        minibatches = map(Minibatch, row_sets, mean_stds, samples)
        metrics = [
            self._take_optimizer_step(rollout, advantage, minibatch) for minibatch in minibatches
        ]
        return torch.stack(metrics).mean(0)

    def _take_optimizer_step(
        self, rollout: Rollout, advantage: torch.Tensor, minibatch: Minibatch
    ) -> torch.Tensor:
        """Make one optimizer step; return the METRICS of the minibatch."""
        if len(minibatch.local_rows):
            losses = self._accumulate_gradients_and_losses(rollout, advantage, minibatch)
        else:  # no local rows
            self.policy.zero_grad()
            losses = torch.zeros(len(LOSS_METRICS), device=self.policy.device)
        if self.ranks.count > 1:
            self.ranks.sum_over_ranks([losses, *_gradients_or_zeros(self.policy)])
        norm = nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        return torch.cat([losses, norm[None]])

    def _accumulate_gradients_and_losses(
        self, rollout: Rollout, advantage: torch.Tensor, minibatch: Minibatch
    ) -> torch.Tensor:
        """Write this rank's part of the gradients of a minibatch to `parameter.grad`.

        Returns:
            this rank's part of the LOSS_METRICS.
        """
        rows, advantage_mean_std, samples = minibatch
        microbatches = rows.chunk(self._num_microbatches(len(rollout.actions) * len(rows)))
        replicas = self._get_weight_sharing_replicas(len(microbatches))

        def microbatch_gradients(replica: TrainablePolicy, rows: torch.Tensor) -> torch.Tensor:
            replica.zero_grad(set_to_none=False)
            logits, values, _ = forward_in_precision(
                replica,
                self.config.precision,
                rollout.observations.index_select(1, rows),
                rollout.initial_recurrent_state[rows],
                rollout.episode_starts[:, rows],
            )
            logit_grads, value_grads, losses = ppo_loss_gradients(
                logits, values, rollout, advantage, rows, advantage_mean_std, self.config, samples
            )
            torch.autograd.backward((logits, values), (logit_grads, value_grads))
            return losses.sum((0, 1))

        losses = list(self._map(microbatch_gradients, replicas, microbatches))
        total, *others = replicas
        for replica in others:
            # torch has no public name for this function.
            torch._foreach_add_(  # pyright: ignore[reportPrivateImportUsage]
                _gradients_or_zeros(total), _gradients_or_zeros(replica)
            )
        return torch.stack(losses).sum(0) / samples

    def _select_local_row_indices(self, global_row_indices: torch.Tensor) -> torch.Tensor:
        """Convert a minibatch's row indices over all ranks to this rank's; drop those of others.

        Args:
            global_row_indices: int64 [n], rows among those of all ranks.

        Returns:
            int64 [m], m <= n, indices into this rank's rollout, in the same order.
        """
        assert self.global_rows is not None
        index = torch.searchsorted(self.global_rows, global_row_indices).clamp(
            max=len(self.global_rows) - 1
        )
        return index[self.global_rows[index] == global_row_indices]

    def _num_microbatches(self, num_samples: int) -> int:
        if self.policy.device != "cpu":
            return 1
        return max(1, min(MAX_MICROBATCHES, num_samples // MICROBATCH_SAMPLES))

    def _get_weight_sharing_replicas(self, num_microbatches: int) -> list[TrainablePolicy]:
        """Return one replica of the policy per microbatch: shared weights, separate gradients."""
        while len(self._replicas) < num_microbatches:
            replica = copy.deepcopy(self.policy)
            for parameter, shared in zip(replica.parameters(), self.policy.parameters()):
                parameter.data = shared.data
            self._replicas.append(replica)
        return self._replicas[:num_microbatches]


def _gradients_or_zeros(policy: TrainablePolicy) -> list[torch.Tensor]:
    """Return the gradients of all parameters; zeros for parameters that the loss ignores."""
    gradients = []
    for parameter in policy.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    return gradients
