"""Absolute paths in configurations, for Snakemake in another working directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from daf.config.model import Model

PATH_KEYS = frozenset(
    {"data_path", "data_paths", "initial_weights", "policy_data_path", "results_dir", "tensorboard"}
)
"""Keys whose values are paths."""

NAME_KEYS = frozenset({"class_path", "mission", "missions", "policy_class_path"})
"""Keys whose values are names, or start with the path of a file."""

FILE_SUFFIXES = (".yaml", ".yml", ".py")
"""Suffixes of the files in names. A class or a layout seed may follow."""

Config = TypeVar("Config", bound=Model)


def with_absolute_paths(config: Config) -> Config:
    """Return the configuration with absolute paths, for a process in another working directory."""
    return config.model_validate(_make_paths_absolute(config.resolved(), ""))


def _make_paths_absolute(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        # The values of a hyperparameter belong to its name in the search space.
        inherited = {"values", *(value if key == "data_paths" else ())}
        return {k: _make_paths_absolute(v, key if k in inherited else k) for k, v in value.items()}
    if isinstance(value, list):
        return [_make_paths_absolute(item, key) for item in value]
    if isinstance(value, str) and (
        key in PATH_KEYS or (key in NAME_KEYS and _starts_with_file_path(value))
    ):
        return value if value.startswith("~") else str(Path.cwd() / value)
    return value


def _starts_with_file_path(class_path_or_mission: str) -> bool:
    """Return True for FILE.py:CLASS, MISSION.yaml and MISSION.yaml@SEEDS."""
    separator = ":" if ".py:" in class_path_or_mission else "@"
    prefix = class_path_or_mission.rpartition(separator)[0]
    return prefix.endswith(FILE_SUFFIXES) or class_path_or_mission.endswith(FILE_SUFFIXES)
