"""From the arguments of a pipeline to its configuration."""

from collections.abc import Iterable, Mapping
from typing import Any

from daf.config import ConfigError, DAFConfig, ExecutionConfig, PolicyConfig, shown
from daf.config.model import Model
from daf.provenance import digest

SPEC = ("class_path", "data_path", "init_kwargs")


def policy_config(policy: Any) -> PolicyConfig:
    """A policy in any of its forms: a name, a mapping of `PolicyConfig`'s keys, or an object with
    the attributes of a `PolicySpec`, ours or mettagrid's.

    Raises:
        ConfigError: something else, or an unknown key.
    """
    if isinstance(policy, PolicyConfig):
        return policy
    if isinstance(policy, str):
        data = {"class_path": policy}
    elif isinstance(policy, Mapping):
        data = dict(policy)
    elif hasattr(policy, "class_path"):
        data = {name: getattr(policy, name, None) for name in SPEC}
        data["init_kwargs"] = dict(data["init_kwargs"] or {})
    else:
        raise ConfigError(
            f"policy {shown(policy)}: a name, a PolicySpec or a mapping of its keys is needed"
        )
    if data.get("data_path") is not None:
        data["data_path"] = str(data["data_path"])
    return PolicyConfig.parse(data, f"policy {shown(data.get('class_path'))}")


def listed(values: Iterable[Any] | str, name: str) -> list[Any]:
    """Several values; one text alone is refused, it would be read letter by letter.

    Raises:
        ConfigError: naming the argument.
    """
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise ConfigError(f"argument '{name}': got {shown(values)}; should be a list")
    return [value if name == "policies" else str(value) for value in values]


def execution(daf_config: DAFConfig | None, results_dir: Any) -> DAFConfig:
    """How to run: what the caller says, else the defaults."""
    if daf_config is not None and not isinstance(daf_config, DAFConfig):
        raise ConfigError(f"argument 'daf_config': got {shown(daf_config)}; should be a DAFConfig")
    found = daf_config or DAFConfig()
    if results_dir is not None:
        found = DAFConfig.parse(found.resolved() | {"results_dir": str(results_dir)}, "arguments")
    return found


def for_workflow(daf: DAFConfig) -> dict[str, Any]:
    """The part of the execution that stands in the configuration of the workflow."""
    return {name: getattr(daf, name) for name in ExecutionConfig.model_fields}


def default_name(kind: str, content: Model | dict[str, Any]) -> str:
    """A name that stays the same as long as the request does."""
    data = content.resolved() if isinstance(content, Model) else content
    return f"{kind}-{digest(data)[:8]}"
