"""One torch thread: tests share the cores with each other, and results depend on the number."""

import re

import torch

from daf.system.garbage_collection import collect_garbage_rarely

torch.set_num_threads(1)
collect_garbage_rarely()

EXTRAS = frozenset(
    (
        "test_examples.py",
        "test_gymnasium.py",
        "test_interfaces.py",
        "test_onnx.py",
        "test_trained_elsewhere.py",
    )
)
"""Test files that import libraries of the extras."""


def pytest_ignore_collect(collection_path, config):
    """Import the tests of the extras only for `-m extras`."""
    is_selected = re.search(r"(?<!not )\bextras\b", config.option.markexpr)
    return True if collection_path.name in EXTRAS and not is_selected else None
