"""Pretrained policies: bundles in the package `daf`, as policies."""

from typing import Any, ClassVar

import torch

from daf.deploy.policy import BundlePolicy
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import find_pretrained_bundle


class PretrainedPolicy(Policy):
    """Policy with the weights of a bundle in the package.

    Args:
        game: game to act in.
        device: torch device.

    Attributes:
        class_path: class path of the policy.

    Raises:
        ConfigError: the bundle is for a game with other observations or actions.
    """

    class_path: ClassVar[str]

    def __init__(self, game: Game, device: str = "cpu"):
        super().__init__(game, device)
        self._bundle_policy = BundlePolicy(game, device)
        self._bundle_policy.load(find_pretrained_bundle(self.class_path))

    def initial_state(self, seeds: torch.Tensor) -> Any:
        """Return the initial state of the policy in the bundle."""
        return self._bundle_policy.initial_state(seeds)

    def act(self, observations: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Return actions and next state of the policy in the bundle."""
        return self._bundle_policy.act(observations, state)


def wrap_pretrained_policy(class_path: str) -> type[PretrainedPolicy]:
    """Create the class of a pretrained policy.

    Raises:
        ConfigError: no pretrained policy has this class path.
    """
    find_pretrained_bundle(class_path)
    return type("PretrainedPolicy", (PretrainedPolicy,), {"class_path": class_path})
