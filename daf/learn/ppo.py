"""Proximal policy optimization (Schulman et al. 2017, arXiv:1707.06347): one update."""

import copy
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import torch
from torch import nn

from daf.config.training import TrainingConfig
from daf.learn.equal_worlds import (
    EqualWorlds,
    RowBlocks,
    cut_into_parts,
    draw_row_order,
    flatten_blocks,
    split_into_blocks,
)
from daf.learn.ppo_loss import LOSS_METRICS, ppo_loss_gradients
from daf.learn.precision import forward_in_precision
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.rollout import Rollout
from daf.learn.team_critic import ActorCritic, TeamCritic
from daf.policies.trainable import TrainablePolicy

METRICS = (*LOSS_METRICS, "gradient_norm")
MICROBATCH_SAMPLES, MAX_MICROBATCHES = 2048, 8
"""Minimum samples of a microbatch; maximum microbatches of a minibatch."""

MeanMetrics = torch.Tensor
"""Recorded metrics averaged over the minibatches of an update, float32 [6 or 7], on the device."""


class Minibatch(NamedTuple):
    """Rows of one optimizer step.

    Attributes:
        local_rows: this rank's rows of the minibatch, as indices into its rollout.
        advantage_mean_std: float32 [2], mean and standard deviation over all ranks.
        num_samples_on_all_ranks: number of samples on all ranks.
    """

    local_rows: RowBlocks
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
        team_critic: critic of the team, optimized together with the policy; it needs whole worlds,
            so all agents of a world are in the same minibatch and microbatch. None: no critic
            besides the policy, and the minibatches are random sets of rows.

    Attributes:
        network: policy and team critic.
        optimizer: Adam over the parameters of the network.
        global_rows: int64 [N], index of each local row among the rows of all ranks; required with
            several ranks.
    """

    def __init__(
        self,
        policy: TrainablePolicy,
        config: TrainingConfig,
        executor: Executor | None = None,
        ranks: Ranks = SINGLE_RANK,
        team_critic: TeamCritic | None = None,
    ):
        self.ranks = ranks
        self.global_rows: torch.Tensor | None = None
        self.network = ActorCritic(policy, team_critic)
        self.config = config
        self._map = executor.map if executor else map
        self._device = policy.device
        on_gpu = policy.device != "cpu"
        # A captured update reads learning rate and row order from device memory.
        lr = torch.tensor(config.learning_rate, device=policy.device) if on_gpu else 0.0
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=lr, eps=1e-5, fused=True, capturable=on_gpu
        )
        # One replica of the network per microbatch: shared weights, separate gradients.
        self._replicas = [self.network]
        self._loss_weights = torch.tensor([1.0, 0.0], device=policy.device)
        recorded = [METRICS.index(name) for name in list_recorded_metrics(config)]
        self._recorded_metrics = torch.tensor(recorded, device=policy.device)
        self._order_blocks: Sequence[EqualWorlds] = ()
        self._row_orders: torch.Tensor | None = None

    def prepare_update(
        self,
        learning_rate: float,
        worlds: Sequence[EqualWorlds],
        generator: torch.Generator,
        policy_weight: float = 1.0,
        reference_kl_weight: float = 0.0,
    ) -> None:
        """Set the schedule of the next update, and draw its row order of each epoch.

        Args:
            learning_rate: learning rate of the update.
            worlds: worlds of the rollouts of all ranks.
            generator: random generator; its state alone decides the order.
            policy_weight: weight of policy loss and entropy bonus.
            reference_kl_weight: weight of the KL divergence from the reference policy.
        """
        self._loss_weights[0] = policy_weight
        self._loss_weights[1] = reference_kl_weight
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(learning_rate)
            else:
                group["lr"] = learning_rate
        if self.network.team_critic is None:  # rows are independent of each other
            worlds = [EqualWorlds(sum(block.num_rows for block in worlds), num_agents=1)]
        self._order_blocks = worlds
        epochs = range(self.config.epochs)
        orders = torch.stack([draw_row_order(worlds, generator) for _ in epochs])
        if self._row_orders is None or self._row_orders.shape != orders.shape:
            self._row_orders = orders.to(self._device)
        self._row_orders.copy_(orders)

    def update(self, rollout: Rollout, advantage: torch.Tensor) -> MeanMetrics:
        """Optimize the policy on one rollout; `prepare_update` comes first.

        A minibatch is a set of rows over all L steps; with a team critic, a set of whole worlds.
        Recurrent networks process whole sequences, from the recurrent state at the start of the
        rollout.

        Args:
            rollout: rollout of `RolloutCollector.collect`.
            advantage: float32 [L, N]; returns are advantage + value.

        Returns:
            metrics of `list_recorded_metrics`, averaged over minibatches.
        """
        # minibatches: each epoch's order of rows, cut into equal parts
        assert self._row_orders is not None
        row_sets = [
            rows
            for order in self._row_orders
            for rows in cut_into_parts(
                split_into_blocks(order, self._order_blocks), self.config.minibatches
            )
        ]
        samples = [_count_rows(rows) * len(advantage) for rows in row_sets]
        if self.ranks.count > 1:
            row_sets = [[self._select_local_rows(block) for block in rows] for rows in row_sets]

        # moments of the advantages of each minibatch, over all ranks
        mean_stds = self.ranks.compute_mean_std_pairs(
            [advantage.index_select(1, flatten_blocks(rows)) for rows in row_sets]
        )

        # one optimizer step per minibatch
        minibatches = map(Minibatch, row_sets, mean_stds, samples)
        metrics = [
            self._take_optimizer_step(rollout, advantage, minibatch) for minibatch in minibatches
        ]
        mean_metrics = torch.stack(metrics).mean(0)
        return mean_metrics[self._recorded_metrics]

    def _take_optimizer_step(
        self, rollout: Rollout, advantage: torch.Tensor, minibatch: Minibatch
    ) -> torch.Tensor:
        """Make one optimizer step; return the METRICS of the minibatch."""
        if _count_rows(minibatch.local_rows):
            losses = self._accumulate_gradients_and_losses(rollout, advantage, minibatch)
        else:  # no local rows
            self.network.zero_grad()
            losses = torch.zeros(len(LOSS_METRICS), device=self._device)
        if self.ranks.count > 1:
            self.ranks.sum_over_ranks([losses, *_gradients_or_zeros(self.network)])
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        return torch.cat([losses, norm[None]])

    def _accumulate_gradients_and_losses(
        self, rollout: Rollout, advantage: torch.Tensor, minibatch: Minibatch
    ) -> torch.Tensor:
        """Write this rank's part of the gradients of a minibatch to `parameter.grad`.

        Returns:
            this rank's part of the LOSS_METRICS.
        """
        local_rows, advantage_mean_std, samples = minibatch
        num_samples = len(rollout.actions) * _count_rows(local_rows)
        microbatches = cut_into_parts(local_rows, self._num_microbatches(num_samples))
        replicas = self._get_weight_sharing_replicas(len(microbatches))

        def microbatch_gradients(replica: ActorCritic, blocks: RowBlocks) -> torch.Tensor:
            replica.zero_grad(set_to_none=False)
            rows = flatten_blocks(blocks)
            logits, values, _ = forward_in_precision(
                partial(replica, worlds=[EqualWorlds(*block.shape) for block in blocks]),
                self.config.precision,
                rollout.observations.index_select(1, rows),
                rollout.initial_recurrent_state[rows],
                rollout.episode_starts[:, rows],
            )
            logit_grads, value_grads, losses = ppo_loss_gradients(
                logits,
                values,
                rollout,
                advantage,
                rows,
                advantage_mean_std,
                self._loss_weights,
                self.config,
                samples,
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

    def _select_local_rows(self, block: torch.Tensor) -> torch.Tensor:
        """Convert row indices over all ranks to this rank's; drop the worlds of others.

        Args:
            block: int64 [E, A], rows among those of all ranks.

        Returns:
            int64 [e, A], e <= E, indices into this rank's rollout, in the same order.
        """
        assert self.global_rows is not None
        global_row_indices = block.flatten()
        index = torch.searchsorted(self.global_rows, global_row_indices).clamp(
            max=len(self.global_rows) - 1
        )
        local_rows = index[self.global_rows[index] == global_row_indices]
        return local_rows.view(-1, block.shape[1])

    def _num_microbatches(self, num_samples: int) -> int:
        if self._device != "cpu":
            return 1
        return max(1, min(MAX_MICROBATCHES, num_samples // MICROBATCH_SAMPLES))

    def _get_weight_sharing_replicas(self, num_microbatches: int) -> list[ActorCritic]:
        """Return one replica of the network per microbatch: shared weights, separate gradients."""
        while len(self._replicas) < num_microbatches:
            replica = copy.deepcopy(self.network)
            for parameter, shared in zip(replica.parameters(), self.network.parameters()):
                parameter.data = shared.data
            self._replicas.append(replica)
        return self._replicas[:num_microbatches]


def list_recorded_metrics(config: TrainingConfig) -> list[str]:
    """Return the METRICS that a run records, in order: `reference_kl` only with a reference."""
    return [name for name in METRICS if name != "reference_kl" or config.reference_kl_coef]


def _count_rows(blocks: RowBlocks) -> int:
    return sum(rows.numel() for rows in blocks)


def _gradients_or_zeros(network: ActorCritic) -> list[torch.Tensor]:
    """Return the gradients of all parameters; zeros for parameters that the loss ignores."""
    gradients = []
    for parameter in network.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    return gradients
