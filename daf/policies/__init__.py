"""Policies: who plays. Scripted ones, networks, and your own."""

from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.spec import SHORT_NAMES, PolicySpec, make_policy, policy_class
from daf.policies.trainable import TrainablePolicy

__all__ = [
    "SHORT_NAMES",
    "Game",
    "Policy",
    "PolicySpec",
    "TrainablePolicy",
    "make_policy",
    "policy_class",
]
