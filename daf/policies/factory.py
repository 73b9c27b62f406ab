"""From the name of a policy to the object: short names, dotted paths and files."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from daf.config import ConfigError, short_json, suggest
from daf.config.conversion import convert_text, has_text
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import (
    METTAGRID,
    SHORT_NAMES,
    PolicyMisbehaves,
    PolicySpec,
    is_foreign,
    module_and_class,
)
from daf.policies.user_code import contained, told
from daf.system.interrupts import is_interrupt


def policy_class(class_path: str) -> type[Policy]:
    """The class that `class_path` names.

    Raises:
        ConfigError: nothing there, or not a policy; one line saying what exists.
    """
    module_name, class_name = module_and_class(class_path)
    if class_path.startswith(METTAGRID):
        # By its name, so that no other policy's results hang on this code.
        return importlib.import_module(module_name).policy_class(class_path)
    if not module_name or class_path.endswith(".py"):
        raise ConfigError(
            f"unknown policy {short_json(class_path)}; {suggest(class_path, sorted(SHORT_NAMES))}, "
            "or package.module:Class, or file.py:Class"
        )
    with contained(class_path, is_foreign(class_path)):
        module = _import_module(module_name, class_path)
    found = getattr(module, class_name, None)
    if not inspect.isclass(found) or not issubclass(found, Policy):
        there = sorted(
            name
            for name, thing in vars(module).items()
            if inspect.isclass(thing) and issubclass(thing, Policy) and thing is not Policy
        )
        problem = "is not a daf.policies.Policy" if found else "does not exist"
        if hasattr(found, "agent_policy"):
            problem = f"is a policy of mettagrid, '{METTAGRID}{module_name}.{class_name}'"
        raise ConfigError(
            f"policy '{class_path}': '{class_name}' {problem}; "
            f"policies in {module_name}: {', '.join(there) or 'none'}"
        )
    return found


def accepted_init_kwargs(class_path: str) -> list[str] | None:
    """Names of the further arguments of a policy's class; None if it takes any.

    Raises:
        ConfigError: no such class.
    """
    parameters = inspect.signature(policy_class(class_path)).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    return [name for name in parameters if name not in ("game", "device")]


def argument_type(class_path: str, name: str) -> Any:
    """Return the annotation of an argument of a policy's class, or the type of its default.

    Arguments that a class passes on are looked up in its bases. None: unknown.

    Raises:
        ConfigError: no such class.
    """
    for cls in policy_class(class_path).__mro__:
        init = vars(cls).get("__init__")
        try:
            parameter = inspect.signature(init).parameters.get(name)
        except (TypeError, ValueError):  # there is none, or one without a signature
            continue
        if parameter is None:
            continue
        if parameter.annotation is parameter.empty:
            return _DEFAULTS.get(type(parameter.default))
        if not isinstance(parameter.annotation, str):
            return parameter.annotation
        try:  # as `inspect` does it, which gives up if another annotation is unknown
            return eval(parameter.annotation, init.__globals__)
        except Exception:
            return None
    return None


_DEFAULTS = {bool: bool, int: int | float, float: float}


def convert_init_kwargs(class_path: str, init_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with their text converted to the types that the class names.

    Raises:
        ConfigError: no such class.
    """
    return {
        name: convert_text(value, argument_type(class_path, name) if has_text(value) else None)
        for name, value in init_kwargs.items()
    }


def make_policy(spec: PolicySpec, game: Game, device: str = "cpu", seed: int = 0) -> Policy:
    """Build the policy and load its weights.

    Args:
        spec: which policy.
        game: what it is going to play.
        device: where.
        seed: of the random weights a network is born with.

    Raises:
        ConfigError: unknown class, wrong `init_kwargs`, or weights that are missing, broken or of
            another shape; one line.
    """
    with contained(spec.class_path, is_foreign(spec.class_path, spec.init_kwargs)):
        return _made(spec, game, device, seed)


def _made(spec: PolicySpec, game: Game, device: str, seed: int) -> Policy:
    cls = policy_class(spec.class_path)
    accepted = accepted_init_kwargs(spec.class_path)
    for name in spec.init_kwargs:
        if accepted is not None and name not in accepted:
            raise ConfigError(
                f"policy '{spec.class_path}': unknown key 'init_kwargs.{name}'; "
                f"{suggest(name, accepted)}"
            )
    arguments = convert_init_kwargs(spec.class_path, spec.init_kwargs)
    try:
        with torch.random.fork_rng(devices=[] if device == "cpu" else [device]):
            torch.manual_seed(seed)
            policy = cls(game, device=device, **arguments)
    except ConfigError:
        raise
    except BaseException as error:  # foreign code may raise anything
        if is_interrupt(error):
            raise
        raise _kind(error)(
            f"policy '{spec.class_path}': cannot be built with init_kwargs "
            f"{short_json(dict(spec.init_kwargs))} ({told(error)}); "
            f"accepted init_kwargs: {_listed(accepted)}"
        ) from None
    if spec.data_path is not None:
        load_weights(policy, spec)
    return policy


def load_weights(policy: Policy, spec: PolicySpec) -> None:
    """Give a policy the weights of `spec`, whose class and arguments it was built with.

    Raises:
        ConfigError: it takes none, or they are missing, broken or of another shape; one line.
    """
    load = getattr(policy, "load", None)
    if load is None:
        raise ConfigError(f"policy '{spec.class_path}': takes no data_path, it has no weights")
    try:
        load(spec.data_path)
    except ValueError as error:
        raise ConfigError(f"{error}") from None
    except BaseException as error:  # foreign code may raise anything
        if is_interrupt(error):
            raise
        raise ConfigError(
            f"policy '{spec.class_path}': cannot load {short_json(spec.data_path)} ({told(error)})"
        ) from None


def _kind(error: BaseException) -> type[ConfigError]:
    """The error that is raised for one of foreign code."""
    return ConfigError if isinstance(error, Exception) else PolicyMisbehaves


def _listed(accepted: list[str] | None) -> str:
    return "any" if accepted is None else ", ".join(accepted) or "none"


def _import_module(name: str, class_path: str):
    if not name.endswith(".py"):
        try:
            return importlib.import_module(name)
        except BaseException as error:  # a script that calls `sys.exit` is no policy
            if is_interrupt(error):
                raise
            raise _kind(error)(
                f"policy '{class_path}': cannot import '{name}' ({told(error)})"
            ) from None
    path = Path(name).resolve()
    if not path.is_file():
        raise ConfigError(f"policy '{class_path}': no file {name}")
    module_name = f"daf_policy_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            sys.modules.pop(module_name, None)
            if is_interrupt(error):
                raise
            raise _kind(error)(
                f"policy '{class_path}': {name} fails on import ({told(error)})"
            ) from None
    return sys.modules[module_name]
