"""Source code in a bundle: the modules that networks of DAF need, and the user's policy."""

import importlib.util
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import daf
import daf.files
import daf.policies
import daf.policies.ops
from daf.config import ConfigError, short_json
from daf.deploy import play
from daf.files import safe_read, safe_write, strict_json, tensors
from daf.policies import chance, game, lstm, mingru, policy, stateless, tokens, trainable
from daf.policies.ops import embedding_bundled, lstm_bundled, mingru_bundled
from daf.policies.registry import SHORT_NAMES, TRAINABLE, split_class_path
from daf.policies.user_code_hash import find_transitively_imported_files

BUNDLED_MODULES = {
    "daf/__init__.py": daf,
    "daf/files/__init__.py": daf.files,
    "daf/files/safe_read.py": safe_read,
    "daf/files/safe_write.py": safe_write,
    "daf/files/strict_json.py": strict_json,
    "daf/files/tensors.py": tensors,
    "daf/policies/__init__.py": daf.policies,
    "daf/policies/chance.py": chance,
    "daf/policies/game.py": game,
    "daf/policies/lstm.py": lstm,
    "daf/policies/mingru.py": mingru,
    "daf/policies/ops/__init__.py": daf.policies.ops,
    "daf/policies/ops/embedding.py": embedding_bundled,
    "daf/policies/ops/lstm.py": lstm_bundled,
    "daf/policies/ops/mingru.py": mingru_bundled,
    "daf/policies/policy.py": policy,
    "daf/policies/stateless.py": stateless,
    "daf/policies/tokens.py": tokens,
    "daf/policies/trainable.py": trainable,
    "play.py": play,
}
"""Modules of every bundle, by their file names in it; they need only torch and safetensors."""

FOREIGN_MODULE = "policy_code"
"""Module in a bundle that holds the user's policy."""

DAF_CLASSES = frozenset(SHORT_NAMES[name] for name in TRAINABLE)
"""Class paths of the networks that are part of DAF."""


class BundleSources(NamedTuple):
    """Code of a policy in a bundle.

    Attributes:
        class_path: class path of the policy in the bundle.
        files: content of each source file, by its name in the bundle.
    """

    class_path: str
    files: dict[str, bytes]


def collect_bundle_sources(class_path: str) -> BundleSources:
    """Collect the code that a policy needs.

    Args:
        class_path: class path or short name of the policy.

    Raises:
        ConfigError: the class is not in one Python file; one line.
        OSError: the file cannot be read.
    """
    code = {
        name: Path(inspect.getfile(module)).read_bytes() for name, module in BUNDLED_MODULES.items()
    }
    module, name = split_class_path(class_path)
    if f"{module}:{name}" in DAF_CLASSES:
        return BundleSources(f"{module}:{name}", code)
    spec = None if module.endswith(".py") else importlib.util.find_spec(module)
    path = spec.origin if spec else module
    if not path or not path.endswith(".py"):
        raise ConfigError(f"policy {short_json(class_path)}: only a Python file can be packed")
    if imports := find_transitively_imported_files(Path(path).resolve()):
        raise ConfigError(
            f"policy {short_json(class_path)}: imports {imports[0].name}; "
            "only a policy in one file can be packed"
        )
    files = code | {f"{FOREIGN_MODULE}.py": Path(path).read_bytes()}
    return BundleSources(f"{FOREIGN_MODULE}:{name}", files)


def list_foreign_code_files(members: Mapping[str, bytes]) -> list[str]:
    """Return the code files of a bundle that differ from the source files of this DAF."""
    code = {
        name: Path(inspect.getfile(module)).read_bytes() for name, module in BUNDLED_MODULES.items()
    }
    data_suffixes = {"json", "md", "safetensors"}
    return sorted(
        name
        for name, content in members.items()
        if name.rpartition(".")[2] not in data_suffixes and code.get(name) != content
    )
