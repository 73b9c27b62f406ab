"""The code in a bundle: what DAF's networks need to play, and a policy of the user's own."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import daf
import daf.files
import daf.policies
import daf.policies.ops
from daf.config import ConfigError, short_json
from daf.deploy import play
from daf.files import safe_read, safe_write, strict_json, tensors
from daf.policies import chance, game, lstm, policy, stateless, tokens, trainable
from daf.policies.ops import embedding_torch, lstm_torch
from daf.policies.registry import SHORT_NAMES, TRAINABLE, module_and_class
from daf.policies.user_code_hash import imported_files

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
    "daf/policies/ops/__init__.py": daf.policies.ops,
    "daf/policies/ops/embedding.py": embedding_torch,
    "daf/policies/ops/lstm.py": lstm_torch,
    "daf/policies/policy.py": policy,
    "daf/policies/stateless.py": stateless,
    "daf/policies/tokens.py": tokens,
    "daf/policies/trainable.py": trainable,
    "play.py": play,
}
"""The modules of every bundle, by their names in it; they need torch and safetensors."""

FOREIGN = "policy_code"
"""The module in a bundle that holds a policy of the user's own."""

DAF_CLASSES = frozenset(SHORT_NAMES[name] for name in TRAINABLE)


def sources(class_path: str) -> tuple[str, dict[str, bytes]]:
    """What a policy is called in a bundle, and the code that comes with it, by name.

    Raises:
        ConfigError: its class is in no file of Python; one line.
        OSError: the file cannot be read.
    """
    code = {name: Path(module.__file__).read_bytes() for name, module in BUNDLED_MODULES.items()}
    module, name = module_and_class(class_path)
    if f"{module}:{name}" in DAF_CLASSES:
        return f"{module}:{name}", code
    spec = None if module.endswith(".py") else importlib.util.find_spec(module)
    path = spec.origin if spec else module
    if not path or not path.endswith(".py"):
        raise ConfigError(f"policy {short_json(class_path)}: only a file of Python can be packed")
    if others := imported_files(Path(path).resolve()):
        raise ConfigError(
            f"policy {short_json(class_path)}: it imports {others[0].name}; "
            "only a policy in one file can be packed"
        )
    return f"{FOREIGN}:{name}", code | {f"{FOREIGN}.py": Path(path).read_bytes()}


def foreign_files(members: Mapping[str, bytes]) -> list[str]:
    """The files of a bundle that can run, and are not byte for byte those of this DAF."""
    own = {name: Path(module.__file__).read_bytes() for name, module in BUNDLED_MODULES.items()}
    known = {"json", "md", "safetensors"}
    return sorted(
        name
        for name, data in members.items()
        if name.rpartition(".")[2] not in known and own.get(name) != data
    )
