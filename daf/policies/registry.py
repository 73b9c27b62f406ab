"""Names of policies; importable without torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from daf.config import ConfigError, short_json, suggest_choice
from daf.config.plain import as_plain_data
from daf.files.strict_json import loads
from daf.files.tensors import load_metadata

SHORT_NAMES = {
    "baseline": "daf.policies.baseline:Baseline",
    "bundle": "daf.deploy.policy:BundlePolicy",
    "lstm": "daf.policies.lstm:LSTM",
    "mingru": "daf.policies.mingru:MinGRU",
    "noop": "daf.policies.scripted:Noop",
    "onnx": "daf.policies.programs:ONNXPolicy",
    "random": "daf.policies.scripted:Random",
    "stateless": "daf.policies.stateless:Stateless",
    "torch_program": "daf.policies.torch_programs:TorchProgramPolicy",
}
"""Class paths of the policies of DAF, by short name."""

METTAGRID_PREFIX = "mettagrid:"
"""Prefix of class paths of mettagrid policies; see `daf.mettagrid.importing`."""

PRETRAINED_PREFIX = "pretrained:"
"""Prefix of class paths of pretrained policies, bundles in the package `daf`."""

PRETRAINED_FOLDER = Path(__file__).parents[1] / "pretrained"

BUNDLE = "bundle"
"""Short name of the policy that loads a bundle; its `data_path` is the zip file."""

TORCH_PROGRAM = "torch_program"
"""Short name of the policy that loads a program of torch."""

FILE_POLICIES = {
    BUNDLE: "zip file",
    "onnx": ".onnx file",
    TORCH_PROGRAM: ".pt2 file of torch.export or .pt file of TorchScript",
}
"""Short names of the policies that need a `data_path`, and the file that they need."""

CODE_FILE_POLICIES = frozenset({BUNDLE, TORCH_PROGRAM})
"""Short names of the policies that execute code of their file with `trust: true`."""

TRAINABLE = frozenset({"lstm", "mingru", "stateless"})
"""Short names of the networks."""


def split_class_path(class_path: str) -> tuple[str, str]:
    """Split a class path into module and class name; short names are resolved.

    Returns:
        module: dotted name or file; "" for a class path without module. For a mettagrid or
            pretrained policy, the module that imports it;
        class name: for a mettagrid or pretrained policy, the text after the prefix.
    """
    if class_path.startswith(METTAGRID_PREFIX):
        return "daf.mettagrid.importing", class_path.removeprefix(METTAGRID_PREFIX)
    if class_path.startswith(PRETRAINED_PREFIX):
        return "daf.deploy.pretrained", class_path.removeprefix(PRETRAINED_PREFIX)
    path = SHORT_NAMES.get(class_path, class_path)
    module, _, name = path.rpartition(":" if ":" in path else ".")
    return module, name


def list_pretrained_class_paths() -> list[str]:
    """Return the class paths of the pretrained policies, sorted."""
    return sorted(f"{PRETRAINED_PREFIX}{path.stem}" for path in PRETRAINED_FOLDER.glob("*.zip"))


def find_pretrained_bundle(class_path: str) -> Path:
    """Return the bundle of a pretrained policy.

    Raises:
        ConfigError: no pretrained policy has this class path.
    """
    names = list_pretrained_class_paths()
    if class_path not in names:
        raise ConfigError(
            f"unknown policy {short_json(class_path)}; {suggest_choice(class_path, names)}"
        )
    return PRETRAINED_FOLDER / f"{class_path.removeprefix(PRETRAINED_PREFIX)}.zip"


def runs_foreign_code(class_path: str, trusts_file_code: bool = False) -> bool:
    """Check whether a policy runs code that is not part of DAF.

    Args:
        class_path: class path of the policy.
        trusts_file_code: true to run the code in the file of a policy in `CODE_FILE_POLICIES`; the
            argument `trust` of its class.
    """
    module, class_name = split_class_path(class_path)
    if f"{module}:{class_name}" in [SHORT_NAMES[name] for name in CODE_FILE_POLICIES]:
        return trusts_file_code
    return (
        class_path.startswith(METTAGRID_PREFIX)
        or module.partition(".")[0] != "daf"
        or ".py" in module
    )


class PolicySideEffectError(ConfigError):
    """Policy code with a forbidden effect on its process; the message names the effect.

    The code ends the process or its import, leaves a thread or process running, or changes
    process-wide settings. Exceptions and missing classes raise a plain `ConfigError`.
    """


class PolicyArgument(NamedTuple):
    """Class path and weights file of a policy; None without weights."""

    class_path: str
    weights_file: str | None


def parse_class_path_and_weights(text: str) -> PolicyArgument:
    """Split `CLASS_PATH@FILE` into class path and weights file.

    Paths may contain '@': the class path of a file ends with its class name.
    """
    if text.startswith(METTAGRID_PREFIX) and Path(text.removeprefix(METTAGRID_PREFIX)).exists():
        return PolicyArgument(text, None)
    file_class_path = re.match(r".+?\.py:\w+(?=@|$)", text, re.DOTALL)
    class_path = file_class_path[0] if file_class_path else text.partition("@")[0]
    return PolicyArgument(class_path, text[len(class_path) + 1 :] or None)


@dataclass(frozen=True)
class PolicySpec:
    """Specification of a policy: class, weights and arguments.

    Attributes:
        class_path: short name, `package.module:Class` (or with a dot), or `file.py:Class`; or
            `pretrained:` and the name of a pretrained policy; or `mettagrid:` and a short name,
            class path or bundle of mettagrid.
        data_path: weights file, the `policy.safetensors` of a run; None for a policy without
            weights. For `bundle` the zip file, for a mettagrid policy any file that it reads.
        init_kwargs: further arguments of the class.
    """

    class_path: str
    data_path: str | None = None
    init_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("class_path", "data_path", "init_kwargs"):
            object.__setattr__(self, name, as_plain_data(getattr(self, name)))


def read_init_kwargs(weights_file: str) -> dict[str, Any]:
    """Read the arguments of the network class from a weights file; empty if it has none.

    Args:
        weights_file: path of a safetensors file.

    Raises:
        ConfigError: the file is not a readable safetensors file, or its arguments are no mapping.
    """
    try:
        init_kwargs = loads(load_metadata(weights_file).get("init_kwargs", "{}"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"weights {weights_file}: not a readable safetensors file ({error})"
        ) from None
    if not isinstance(init_kwargs, dict):
        raise ConfigError(
            f"weights {weights_file}: key 'init_kwargs': got {type(init_kwargs).__name__}; "
            "expected a mapping"
        )
    return init_kwargs
