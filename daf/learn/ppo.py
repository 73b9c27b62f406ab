"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347): one update."""

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
"""Samples in a block, at least; blocks in a minibatch, at most."""


class Minibatch(NamedTuple):
    """What one step of the optimizer learns from: the rows of it that are this rank's, int64 [n];
    mean and deviation of its advantages, float32 [2]; its samples on all ranks."""

    rows: torch.Tensor
    advantage_mean_std: torch.Tensor
    samples: int


class PPOLearner:
    """Improves a policy, rollout by rollout.

    On the CPU the rows of a minibatch are cut into blocks, whose gradients can be computed side by
    side; they are added in order. The blocks depend on nothing but the sizes, so that the result
    does not depend on the number of threads.

    Several ranks compute the gradients of their own rows, and add them up before each step. (This
    one message, with the metrics in it, is all that `DistributedDataParallel` would do for us; but
    that counts on one backward pass a step, of a forward pass with the same number of rows on every
    rank, and would average where a sum is needed.)

    Attributes:
        optimizer: Adam over the parameters of the policy.
        row_numbers: int64 [N], which of the rows of all ranks are those of this one's rollouts; to
            be set where there are several ranks.
    """

    def __init__(
        self,
        policy: TrainablePolicy,
        config: TrainingConfig,
        executor: Executor | None = None,
        ranks: Ranks = SINGLE_RANK,
    ):
        """
        Args:
            executor: computes blocks side by side; None: one after the other.
            ranks: those that learn together.
        """
        self.ranks = ranks
        self.row_numbers: torch.Tensor | None = None
        self.policy = policy
        self.config = config
        self._map = executor.map if executor else map
        on_gpu = policy.device != "cpu"
        # A captured update reads its rate and its order of rows from the device.
        rate = torch.tensor(config.learning_rate, device=policy.device) if on_gpu else 0.0
        self.optimizer = torch.optim.Adam(
            policy.parameters(), lr=rate, eps=1e-5, fused=True, capturable=on_gpu
        )
        # What computes a block: the same weights, gradients of its own.
        self._replicas = [policy]
        self._orders: torch.Tensor | None = None

    def prepare_update(self, rate: float, rows: int, generator: torch.Generator) -> None:
        """Say how the next update is to be made.

        Args:
            rate: the learning rate.
            rows: of the rollouts of all ranks.
            generator: shuffles the rows; its state alone decides the order.
        """
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        epochs = range(self.config.epochs)
        orders = torch.stack([torch.randperm(rows, generator=generator) for _ in epochs])
        if self._orders is None or self._orders.shape != orders.shape:
            self._orders = orders.to(self.policy.device)
        self._orders.copy_(orders)

    def update(self, rollout: Rollout, advantage: torch.Tensor) -> torch.Tensor:
        """Improve the policy on one rollout, as prepared.

        Minibatches are sets of rows (agents) over all L steps, so that recurrent policies see whole
        sequences from the memory they began with.

        Args:
            rollout, advantage: of `RolloutCollector.collect`; returns are advantage + value.

        Returns:
            float32 [6], the METRICS averaged over minibatches, still on the device.
        """
        parts = min(self.config.minibatches, self._orders.shape[1])
        minibatches = [part for order in self._orders for part in order.chunk(parts)]
        sizes = [len(part) * len(advantage) for part in minibatches]
        own = [part if self.ranks.count == 1 else self._local_rows(part) for part in minibatches]
        scales = self.ranks.mean_std([advantage.index_select(1, rows) for rows in own])
        parts = map(Minibatch, own, scales, sizes)
        metrics = [self._step(rollout, advantage, part) for part in parts]
        return torch.stack(metrics).mean(0)

    def _step(self, rollout: Rollout, advantage: torch.Tensor, part: Minibatch) -> torch.Tensor:
        """One step of the optimizer; the METRICS of the minibatch."""
        terms = (
            self._minibatch_gradients(rollout, advantage, part)
            if len(part.rows)
            else self._zero_gradients()
        )
        self.ranks.all_reduce([terms, *(parameter.grad for parameter in self.policy.parameters())])
        norm = nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        return torch.cat([terms, norm[None]])

    def _minibatch_gradients(
        self, rollout: Rollout, advantage: torch.Tensor, part: Minibatch
    ) -> torch.Tensor:
        """The part of this rank's rows in the gradients of a minibatch, which it leaves with the
        parameters, and in its TERMS."""
        _, scale, samples = part
        blocks = part.rows.chunk(self._num_microbatches(len(rollout.actions) * len(part.rows)))
        doubles = self._get_replicas(len(blocks))

        def learn(double: TrainablePolicy, rows: torch.Tensor) -> torch.Tensor:
            double.zero_grad(set_to_none=False)
            logits, values, _ = forward_in_precision(
                double,
                self.config.precision,
                rollout.observations.index_select(1, rows),
                rollout.initial_recurrent_state[rows],
                rollout.episode_starts[:, rows],
            )
            *slope, terms = ppo_loss_gradients(
                logits, values, rollout, advantage, rows, scale, self.config, samples
            )
            torch.autograd.backward((logits, values), slope)
            return terms.sum((0, 1))

        terms = torch.stack(list(self._map(learn, doubles, blocks))).sum(0) / samples
        gradients = [[p.grad for p in double.parameters()] for double in doubles]
        for more in gradients[1:]:
            torch._foreach_add_(gradients[0], more)
        return terms

    def _zero_gradients(self) -> torch.Tensor:
        """The same where none of the minibatch's rows is this rank's."""
        for parameter in self.policy.parameters():
            parameter.grad = torch.zeros_like(parameter)
        return torch.zeros(len(LOSS_METRICS), device=self.policy.device)

    def _local_rows(self, part: torch.Tensor) -> torch.Tensor:
        """Where the rows of a minibatch that are this rank's stand in its rollout, in the order of
        the minibatch."""
        place = torch.searchsorted(self.row_numbers, part).clamp(max=len(self.row_numbers) - 1)
        return place[self.row_numbers[place] == part]

    def _num_microbatches(self, samples: int) -> int:
        if self.policy.device != "cpu":
            return 1
        return max(1, min(MAX_MICROBATCHES, samples // MICROBATCH_SAMPLES))

    def _get_replicas(self, count: int) -> list[TrainablePolicy]:
        while len(self._replicas) < count:
            double = copy.deepcopy(self.policy)
            for own, shared in zip(double.parameters(), self.policy.parameters()):
                own.data = shared.data
            self._replicas.append(double)
        return self._replicas[:count]
