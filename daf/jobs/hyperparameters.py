"""Resolved configuration of a training run as flat hyperparameters, for exports."""

import json
from collections.abc import Mapping
from typing import Any

Hyperparameter = str | int | float | bool | None

CONFIGURATION_KEYS = (
    "policy",
    "class_path",
    "init_kwargs",
    "training_seed",
    "missions",
    "training",
)
"""Keys of run.json, and of the header of live metrics, that hold the resolved configuration."""


def flatten_hyperparameters(run: Mapping[str, Any], prefix: str = "") -> dict[str, Hyperparameter]:
    """Return nested values by dotted keys, such as `training.learning_rate`.

    Lists and empty mappings become JSON texts.

    Args:
        run: values by key, such as the `CONFIGURATION_KEYS` of a run.
        prefix: prefix of all keys.
    """
    result: dict[str, Hyperparameter] = {}
    for name, value in run.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            result |= flatten_hyperparameters(value, f"{key}.")
        elif value is None or isinstance(value, str | int | float):
            result[key] = value
        else:
            result[key] = json.dumps(value, ensure_ascii=False)
    return result
