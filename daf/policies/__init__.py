"""Policies: the interface, networks, scripted policies, and loading of user policies."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daf.policies.actor import ActorPolicy
    from daf.policies.factory import import_policy_class, load_weights, make_policy
    from daf.policies.game import Game
    from daf.policies.policy import Policy
    from daf.policies.registry import SHORT_NAMES, TRAINABLE, PolicySpec
    from daf.policies.trainable import TrainablePolicy

__all__ = [
    "SHORT_NAMES",
    "TRAINABLE",
    "ActorPolicy",
    "Game",
    "Policy",
    "PolicySpec",
    "TrainablePolicy",
    "import_policy_class",
    "load_weights",
    "make_policy",
]

_MODULES = {
    "ActorPolicy": "daf.policies.actor",
    "SHORT_NAMES": "daf.policies.registry",
    "TRAINABLE": "daf.policies.registry",
    "Game": "daf.policies.game",
    "Policy": "daf.policies.policy",
    "PolicySpec": "daf.policies.registry",
    "TrainablePolicy": "daf.policies.trainable",
    "load_weights": "daf.policies.factory",
    "make_policy": "daf.policies.factory",
    "import_policy_class": "daf.policies.factory",
}


def __getattr__(name: str):
    # Planning a workflow needs names only; importing torch for them would take seconds.
    # A bundle contains only some of these modules.
    if name not in _MODULES:
        raise AttributeError(f"module 'daf.policies' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name]), name)
