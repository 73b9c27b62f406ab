"""Construction of policies from short names, dotted paths and files."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from daf.config import ConfigError, short_json, suggest_choice
from daf.config.conversion import contains_text, convert_text
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import (
    METTAGRID_PREFIX,
    PRETRAINED_PREFIX,
    SHORT_NAMES,
    PolicySideEffectError,
    PolicySpec,
    runs_foreign_code,
    split_class_path,
)
from daf.policies.user_code import describe_error, restore_process_state_or_raise
from daf.system.interrupts import is_interrupt_by_received_signal


def import_policy_class(class_path: str) -> type[Policy]:
    """Import the class of a policy.

    Args:
        class_path: short name, `package.module:Class`, `file.py:Class`, `pretrained:NAME` or
            `mettagrid:NAME`.

    Raises:
        ConfigError: no such module or class, or not a policy; one line.
    """
    module_name, class_name = split_class_path(class_path)
    if class_path.startswith(METTAGRID_PREFIX):
        # Imported by name: a direct import would add this code to the code hash of all policies.
        return importlib.import_module(module_name).wrap_mettagrid_policy(class_path)
    if class_path.startswith(PRETRAINED_PREFIX):
        return importlib.import_module(module_name).wrap_pretrained_policy(class_path)
    if not module_name or class_path.endswith(".py"):
        raise ConfigError(
            f"unknown policy {short_json(class_path)}; "
            f"{suggest_choice(class_path, sorted(SHORT_NAMES))}, "
            "or package.module:Class, or file.py:Class"
        )
    with restore_process_state_or_raise(class_path, runs_foreign_code(class_path)):
        module = _import_module(module_name, class_path)
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls) or not issubclass(cls, Policy):
        available = sorted(
            name
            for name, value in vars(module).items()
            if inspect.isclass(value) and issubclass(value, Policy) and value is not Policy
        )
        problem = "is not a daf.policies.Policy" if cls else "does not exist"
        if hasattr(cls, "agent_policy"):
            problem = f"is a policy of mettagrid, '{METTAGRID_PREFIX}{module_name}.{class_name}'"
        raise ConfigError(
            f"policy '{class_path}': '{class_name}' {problem}; "
            f"policies in {module_name}: {', '.join(available) or 'none'}"
        )
    return cls


def accepted_init_kwarg_names(class_path: str) -> list[str] | None:
    """Return the names of the `init_kwargs` of a class; None if it accepts any name.

    Raises:
        ConfigError: no such class.
    """
    parameters = inspect.signature(import_policy_class(class_path)).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    return [name for name in parameters if name not in ("game", "device")]


def init_kwarg_type(class_path: str, kwarg_name: str) -> Any:
    """Return the annotation of an argument of a class, or the type of its default.

    An argument that a class passes on is looked up in its base classes.

    Args:
        class_path: class path of the policy.
        kwarg_name: name of the argument.

    Returns:
        the type; None if it is unknown.

    Raises:
        ConfigError: no such class.
    """
    for cls in import_policy_class(class_path).__mro__:
        init = vars(cls).get("__init__")
        if init is None:
            continue
        try:
            parameter = inspect.signature(init).parameters.get(kwarg_name)
        except (TypeError, ValueError):  # an `__init__` without a signature
            continue
        if parameter is None:
            continue
        if parameter.annotation is parameter.empty:
            return _DEFAULTS.get(type(parameter.default))
        if not isinstance(parameter.annotation, str):
            return parameter.annotation
        try:  # `inspect` evaluates all annotations and fails if any of them is unknown
            return eval(parameter.annotation, init.__globals__)
        except Exception:
            return None
    return None


_DEFAULTS = {bool: bool, int: int | float, float: float}


def cast_init_kwargs_to_signature(
    class_path: str, init_kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Convert text values to the argument types of the class.

    Args:
        class_path: class path of the policy.
        init_kwargs: arguments of its class.

    Returns:
        converted arguments.

    Raises:
        ConfigError: no such class.
    """
    return {
        name: convert_text(
            value, init_kwarg_type(class_path, name) if contains_text(value) else None
        )
        for name, value in init_kwargs.items()
    }


def make_policy(spec: PolicySpec, game: Game, device: str = "cpu", seed: int = 0) -> Policy:
    """Build a policy and load its weights.

    Args:
        spec: class, weights and arguments of the policy.
        game: observation and action interface of the missions.
        device: torch device of the policy.
        seed: seed of the initial weights of a network.

    Raises:
        ConfigError: unknown class, invalid `init_kwargs`, or weights that are missing, unreadable
            or of another shape; one line.
    """
    is_foreign = runs_foreign_code(spec.class_path, spec.init_kwargs.get("trust") is True)
    with restore_process_state_or_raise(spec.class_path, is_foreign):
        return _build_and_load_policy(spec, game, device, seed)


def _build_and_load_policy(spec: PolicySpec, game: Game, device: str, seed: int) -> Policy:
    """Build a policy and load its weights; see `make_policy`."""
    cls = import_policy_class(spec.class_path)
    accepted = accepted_init_kwarg_names(spec.class_path)
    for name in spec.init_kwargs:
        if accepted is not None and name not in accepted:
            raise ConfigError(
                f"policy '{spec.class_path}': unknown key 'init_kwargs.{name}'; "
                f"{suggest_choice(name, accepted)}"
            )
    arguments = cast_init_kwargs_to_signature(spec.class_path, spec.init_kwargs)
    try:
        with torch.random.fork_rng(devices=[] if device == "cpu" else [device]):
            torch.manual_seed(seed)
            policy = cls(game, device=device, **arguments)
    except ConfigError:
        raise
    except BaseException as error:  # user code may raise anything
        if is_interrupt_by_received_signal(error):
            raise
        raise _choose_config_error_class(error)(
            f"policy '{spec.class_path}': cannot be built with init_kwargs "
            f"{short_json(dict(spec.init_kwargs))} ({describe_error(error)}); "
            f"accepted init_kwargs: {_format_accepted_init_kwargs(accepted)}"
        ) from None
    if spec.data_path is not None:
        load_weights(policy, spec)
    return policy


def load_weights(policy: Policy, spec: PolicySpec) -> None:
    """Load the weights of a specification.

    Args:
        policy: policy built from the class and arguments of `spec`.
        spec: specification with a `data_path`.

    Raises:
        ConfigError: the policy has no weights, or the file is missing, unreadable or of another
            shape; one line.
    """
    load = getattr(policy, "load", None)
    if load is None:
        raise ConfigError(f"policy '{spec.class_path}': takes no data_path, it has no weights")
    try:
        load(spec.data_path)
    except ValueError as error:
        raise ConfigError(f"{error}") from None
    except BaseException as error:  # user code may raise anything
        if is_interrupt_by_received_signal(error):
            raise
        raise ConfigError(
            f"policy '{spec.class_path}': cannot load {short_json(spec.data_path)} "
            f"({describe_error(error)})"
        ) from None


def _choose_config_error_class(user_code_error: BaseException) -> type[ConfigError]:
    """Return the class of the error that reports an error of user code."""
    return ConfigError if isinstance(user_code_error, Exception) else PolicySideEffectError


def _format_accepted_init_kwargs(accepted: list[str] | None) -> str:
    """Format the accepted `init_kwargs` for an error; None: any name."""
    return "any" if accepted is None else ", ".join(accepted) or "none"


def _import_module(module_or_file: str, class_path: str) -> ModuleType:
    """Import a module.

    Args:
        module_or_file: dotted name, or path of a Python file.
        class_path: class path of the policy, for the error.

    Raises:
        ConfigError: the file does not exist, or the import fails; one line.
    """
    if not module_or_file.endswith(".py"):
        try:
            return importlib.import_module(module_or_file)
        except BaseException as error:  # a script may call `sys.exit`
            if is_interrupt_by_received_signal(error):
                raise
            raise _choose_config_error_class(error)(
                f"policy '{class_path}': cannot import '{module_or_file}' ({describe_error(error)})"
            ) from None
    path = Path(module_or_file).resolve()
    if not path.is_file():
        raise ConfigError(f"policy '{class_path}': no file {module_or_file}")
    module_name = f"daf_policy_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        assert spec is not None and spec.loader is not None  # the suffix is ".py"
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            sys.modules.pop(module_name, None)
            if is_interrupt_by_received_signal(error):
                raise
            raise _choose_config_error_class(error)(
                f"policy '{class_path}': {module_or_file} fails on import ({describe_error(error)})"
            ) from None
    return sys.modules[module_name]
