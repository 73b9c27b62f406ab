"""Configurations for a Snakemake that works in another working directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from daf.config.model import Model

PATHS = frozenset({"data_path", "initial_weights", "policy_data_path", "results_dir"})
"""Keys of a configuration whose values are paths."""

NAMES = frozenset({"class_path", "missions", "policy_class_path"})
"""Keys whose values are names, or lead into a file."""

IN_FILE = (".yaml", ".yml", ".py")
"""What the paths in them end with, before a class or the seed of a layout."""

Config = TypeVar("Config", bound=Model)


def from_anywhere(config: Config) -> Config:
    """The same configuration for a process in another working directory: its paths are whole."""
    return config.model_validate(_whole(config.resolved(), ""))


def _whole(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        # In a search space the key stands above its values.
        return {k: _whole(inner, key if k == "values" else k) for k, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner, key) for inner in value]
    if isinstance(value, str) and (key in PATHS or (key in NAMES and _leads_to_file(value))):
        return value if value.startswith("~") else str(Path.cwd() / value)
    return value


def _leads_to_file(name: str) -> bool:
    return name.rpartition("@" if ".py:" not in name else ":")[0].endswith(IN_FILE) or (
        name.endswith(IN_FILE)
    )
