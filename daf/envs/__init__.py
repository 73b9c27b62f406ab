"""Environments: missions in the interfaces of other reinforcement-learning libraries.

Every function needs the library of its interface, an extra of the package:

- `parallel_env`: PettingZoo, `daf[pettingzoo]`
- `vector_env`, `single_agent_env`: Gymnasium, `daf[gymnasium]`
- `sb3_env`: Stable-Baselines3, `daf[sb3]`
- `torchrl_env`: TorchRL, `daf[torchrl]`
- `skrl_env`: skrl, `daf[skrl]`
- `puffer_env`: PufferLib

`WorldBatch` is the interface in plain torch and needs no extra.
"""

import importlib
from typing import TYPE_CHECKING, Any

from daf.errors import ConfigError

if TYPE_CHECKING:
    from daf.envs.gymnasium import single_agent_env, vector_env
    from daf.envs.pettingzoo import parallel_env
    from daf.envs.puffer import puffer_env
    from daf.envs.sb3 import sb3_env
    from daf.envs.skrl import skrl_env
    from daf.envs.torchrl import torchrl_env
    from daf.envs.worlds import WorldBatch

__all__ = [
    "WorldBatch",
    "parallel_env",
    "puffer_env",
    "sb3_env",
    "single_agent_env",
    "skrl_env",
    "torchrl_env",
    "vector_env",
]

_HOMES = {
    "WorldBatch": ("worlds", ""),
    "parallel_env": ("pettingzoo", "pip install 'daf[pettingzoo]'"),
    "vector_env": ("gymnasium", "pip install 'daf[gymnasium]'"),
    "single_agent_env": ("gymnasium", "pip install 'daf[gymnasium]'"),
    "sb3_env": ("sb3", "pip install 'daf[sb3]'"),
    "torchrl_env": ("torchrl", "pip install 'daf[torchrl]'"),
    "skrl_env": ("skrl", "pip install 'daf[skrl]'"),
    "puffer_env": ("puffer", "pip install --no-deps pufferlib-core"),
}
"""Module of each name, and the command that installs its library."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    module, install_command = _HOMES[name]
    try:
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("daf"):
            raise
        raise ConfigError(
            f"daf.envs.{name}: package '{error.name}' is missing; {install_command}"
        ) from error
