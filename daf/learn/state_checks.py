"""Checks of saved states: a resume file may be damaged or belong to another run."""

from typing import Any

import torch
from torch import nn


def check_same_structure(saved: Any, expected: Any, key_path: str = "state") -> None:
    """Check that nested data with tensors has the keys, types, shapes and dtypes of other data.

    Args:
        saved: data to check.
        expected: data with the expected structure.
        key_path: keys that lead to the data, for the error.

    Raises:
        ValueError: difference, with the path of the first one.
    """
    is_same_type = type(saved) is type(expected)
    if isinstance(expected, torch.Tensor):
        is_same = isinstance(saved, torch.Tensor) and (
            saved.shape == expected.shape and saved.dtype == expected.dtype
        )
    elif isinstance(expected, dict):
        is_same = is_same_type and saved.keys() == expected.keys()
    elif isinstance(expected, list | tuple):
        is_same = is_same_type and len(saved) == len(expected)
    else:
        is_same = is_same_type
    if not is_same:
        raise ValueError(f"{key_path}: unexpected structure")
    if isinstance(expected, dict):
        for key in expected:
            check_same_structure(saved[key], expected[key], f"{key_path}.{key}")
    elif isinstance(expected, list | tuple):
        for number, (saved_part, expected_part) in enumerate(zip(saved, expected)):
            check_same_structure(saved_part, expected_part, f"{key_path}.{number}")


def check_weights(saved: Any, network: nn.Module, key_path: str) -> None:
    """Check that saved weights fit a network and are finite.

    Args:
        saved: tensors by name.
        network: network.
        key_path: keys that lead to the weights, for the error.

    Raises:
        ValueError: other structure, or weights that are not finite.
    """
    check_same_structure(saved, network.state_dict(), key_path)
    if not all(tensor.isfinite().all() for tensor in saved.values()):
        raise ValueError(f"{key_path}: weights are not finite")


def check_curve_rows(rows: Any) -> None:
    """Check that saved rows of a learning curve are mappings to numbers.

    Raises:
        ValueError: they are not.
    """
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("curve: expected a list of rows")
    if not all(isinstance(value, int | float) for row in rows for value in row.values()):
        raise ValueError("curve: expected numbers")


def check_adam_state_structure(
    saved: Any, optimizer: torch.optim.Optimizer, network: nn.Module
) -> None:
    """Check that a saved state of Adam fits the parameters of a network.

    Args:
        saved: result of `state_dict` of the optimizer.
        optimizer: optimizer of the network.
        network: network.

    Raises:
        ValueError, KeyError, TypeError: other structure.
    """
    groups, moments = (saved[key] for key in ("param_groups", "state"))
    check_same_structure(groups, optimizer.state_dict()["param_groups"], "optimizer")
    for number, parameter in enumerate(network.parameters()):
        expected = {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}
        if number in moments:
            check_same_structure(moments[number], expected, f"optimizer.{number}")
