"""Names of policies: the part of this room that needs no torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from daf.config import ConfigError
from daf.config.plain import as_plain
from daf.files.strict_json import loads
from daf.files.tensors import load_metadata

SHORT_NAMES = {
    "baseline": "daf.policies.baseline:Baseline",
    "bundle": "daf.deploy.policy:BundlePolicy",
    "lstm": "daf.policies.lstm:LSTM",
    "noop": "daf.policies.scripted:Noop",
    "random": "daf.policies.scripted:Random",
    "stateless": "daf.policies.stateless:Stateless",
}
"""The policies that come with DAF."""

METTAGRID = "mettagrid:"
"""What class paths of mettagrid's policies begin with; see `daf.mettagrid.importing`."""

BUNDLE = "bundle"
"""The one of them that is a file: its `data_path` is a deployment package."""

TRAINABLE = frozenset({"lstm", "stateless"})
"""Those of them that learn."""


def module_and_class(class_path: str) -> tuple[str, str]:
    """The two parts of a class path, short names resolved; the module is "" if there is none.

    For a policy of mettagrid they are the module that plays it and its name there.
    """
    if class_path.startswith(METTAGRID):
        return "daf.mettagrid.importing", class_path.removeprefix(METTAGRID)
    path = SHORT_NAMES.get(class_path, class_path)
    module, _, name = path.rpartition(":" if ":" in path else ".")
    return module, name


def is_foreign(class_path: str, init_kwargs: Mapping[str, Any] = MappingProxyType({})) -> bool:
    """Whether a policy runs code that is not DAF's own."""
    if class_path == BUNDLE:
        return init_kwargs.get("trust") is True
    module, _ = module_and_class(class_path)
    return class_path.startswith(METTAGRID) or module.partition(".")[0] != "daf" or ".py" in module


class PolicyMisbehaves(ConfigError):
    """The code of a policy does to its process what no policy may do; the message names it.

    It ends the process or its own import, leaves something running, or changes what all share. Code
    that merely fails, or a class that is not there, is another `ConfigError`.
    """


def class_path_and_weights(text: str) -> tuple[str, str | None]:
    """The parts of `CLASS_PATH@FILE`, as it is typed; None if there are no weights.

    Names of folders and files may have an '@', too: the class path ends behind its class.
    """
    if text.startswith(METTAGRID) and Path(text.removeprefix(METTAGRID)).exists():
        return text, None
    of_a_file = re.match(r".+?\.py:\w+(?=@|$)", text, re.DOTALL)
    class_path = of_a_file[0] if of_a_file else text.partition("@")[0]
    return class_path, text[len(class_path) + 1 :] or None


@dataclass(frozen=True)
class PolicySpec:
    """Which policy: a class, its weights, and its arguments.

    Attributes:
        class_path: a short name, `package.module:Class` (or with a dot), or `file.py:Class`; or
            `mettagrid:` and a short name, a class path or a bundle of mettagrid.
        data_path: weights, a `policy.safetensors` of a training (or what a policy of mettagrid
            reads); None if it needs none. Of "bundle" the zip file.
        init_kwargs: further arguments of the class.
    """

    class_path: str
    data_path: str | None = None
    init_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("class_path", "data_path", "init_kwargs"):
            object.__setattr__(self, name, as_plain(getattr(self, name)))


def saved_init_kwargs(weights: str) -> dict[str, Any]:
    """The arguments that the network of a weights file was made with; none if it does not say.

    Raises:
        ConfigError: the file is no safetensors file.
    """
    try:
        found = loads(load_metadata(weights).get("init_kwargs", "{}"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"weights {weights}: not a readable safetensors file ({error})") from None
    if not isinstance(found, dict):
        raise ConfigError(f"weights {weights}: 'init_kwargs' of the file is no mapping")
    return found
