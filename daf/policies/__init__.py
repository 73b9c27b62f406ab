"""Policies: who plays. Scripted ones, networks, and your own."""

import importlib

from daf.policies.registry import SHORT_NAMES, TRAINABLE, PolicySpec

__all__ = [
    "SHORT_NAMES",
    "TRAINABLE",
    "Game",
    "Policy",
    "PolicySpec",
    "TrainablePolicy",
    "make_policy",
    "policy_class",
]

_NEEDS_TORCH = {
    "Game": "daf.policies.game",
    "Policy": "daf.policies.policy",
    "TrainablePolicy": "daf.policies.trainable",
    "make_policy": "daf.policies.spec",
    "policy_class": "daf.policies.spec",
}


def __getattr__(name: str):
    # Planning a workflow asks for names only; importing torch for that would cost seconds.
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module 'daf.policies' has no attribute '{name}'")
    return getattr(importlib.import_module(_NEEDS_TORCH[name]), name)
