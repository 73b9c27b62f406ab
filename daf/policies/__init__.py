"""Policies: who plays. Scripted ones, networks, and your own."""

import importlib

__all__ = [
    "SHORT_NAMES",
    "TRAINABLE",
    "Game",
    "Policy",
    "PolicySpec",
    "TrainablePolicy",
    "load_weights",
    "make_policy",
    "policy_class",
]

_PLACES = {
    "SHORT_NAMES": "daf.policies.registry",
    "TRAINABLE": "daf.policies.registry",
    "Game": "daf.policies.game",
    "Policy": "daf.policies.policy",
    "PolicySpec": "daf.policies.registry",
    "TrainablePolicy": "daf.policies.trainable",
    "load_weights": "daf.policies.factory",
    "make_policy": "daf.policies.factory",
    "policy_class": "daf.policies.factory",
}


def __getattr__(name: str):
    # Planning a workflow asks for names only; importing torch for that would cost seconds. And a
    # bundle has but some of these modules.
    if name not in _PLACES:
        raise AttributeError(f"module 'daf.policies' has no attribute '{name}'")
    return getattr(importlib.import_module(_PLACES[name]), name)
