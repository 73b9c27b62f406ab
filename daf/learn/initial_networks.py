"""Initial networks of a run, from weights or from the training seed."""

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from daf.config import ConfigError
from daf.learn.team_critic import TeamCritic
from daf.plan import Run
from daf.policies.checks import check_forward
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.registry import PolicySpec
from daf.policies.trainable import TrainablePolicy
from daf.provenance.hashing import file_digest

STREAM_INIT, STREAM_MINIBATCHES, STREAM_TEAM_CRITIC = 1, 2, 3


class Networks(NamedTuple):
    """Networks of a training run.

    Attributes:
        policy: network in training.
        team_critic: critic of the team, for training only; None with `critic: own`.
        reference: frozen network of the reference policy; None without one.
    """

    policy: TrainablePolicy
    team_critic: TeamCritic | None
    reference: TrainablePolicy | None

    def by_name(self) -> dict[str, nn.Module]:
        """Return the networks that the run has, by their names here."""
        return {name: network for name, network in self._asdict().items() if network is not None}


def create_networks(run: Run, device: str, initial_weights: str | None) -> Networks:
    """Create the networks of a run; the reference policy starts as copy of the policy.

    Args:
        run: training run.
        device: "cpu" or "cuda".
        initial_weights: file with the run's `initial_digest`; None without one.

    Raises:
        ConfigError: policy that does not fit the missions or is not trainable.
    """
    policy = create_policy(run, device, initial_weights)
    has_reference = run.training.reference_kl_coef > 0
    reference = copy.deepcopy(policy).requires_grad_(False) if has_reference else None
    return Networks(policy, create_team_critic(run, policy), reference)


def create_policy(run: Run, device: str, initial_weights: str | None) -> TrainablePolicy:
    """Create the policy, from the run's initial weights or from its seed.

    Args:
        run: training run.
        device: "cpu" or "cuda".
        initial_weights: file with the run's `initial_digest`; None without one.

    Raises:
        ConfigError: policy that does not fit the missions or is not trainable.
    """
    try:
        game = Game.of(*run.missions)
    except ValueError as error:
        raise ConfigError(f"run {run.name}: {error}") from None
    if run.initial_digest != (initial_weights and file_digest(initial_weights)):
        raise ConfigError(f"run {run.name}: {initial_weights} does not match its initial_digest")
    spec = PolicySpec(run.class_path, initial_weights, run.init_kwargs)
    policy = make_policy(spec, game, device, seed=derive_seed(run.training_seed, STREAM_INIT, 0))
    if not isinstance(policy, TrainablePolicy):
        raise ConfigError(f"policy '{run.class_path}' cannot be trained: not a TrainablePolicy")
    check_forward(run.class_path, policy)
    return policy


def create_team_critic(run: Run, policy: TrainablePolicy) -> TeamCritic | None:
    """Create the team critic from the run's seed; None if the policy computes the values.

    It is recurrent if the policy is.
    """
    if run.training.critic == "own":
        return None
    is_recurrent = policy.initial_recurrent_state(1).shape[1] > 0
    with torch.random.fork_rng(devices=[] if policy.device == "cpu" else [policy.device]):
        torch.manual_seed(derive_seed(run.training_seed, STREAM_TEAM_CRITIC, 0))
        return TeamCritic(policy.game, policy.device, is_recurrent)


def derive_seed(*seed_words: int) -> int:
    """Derive a seed below 2^63 from words, such as training seed, stream and index."""
    return int(np.random.SeedSequence(seed_words).generate_state(1, np.uint64)[0] >> np.uint64(1))
