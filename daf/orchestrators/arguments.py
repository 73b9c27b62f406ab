"""From the arguments of a pipeline to its configuration."""

from collections.abc import Iterable, Mapping
from typing import Any

from daf.config import ConfigError, DAFConfig, ExecutionConfig, PolicyConfig, short_json
from daf.config.model import Model
from daf.config.plain import as_plain
from daf.provenance.hashing import digest

POLICY_SPEC_FIELDS = ("class_path", "data_path", "init_kwargs")


def policy_config(policy: Any) -> PolicyConfig:
    """A policy in any of its forms: a name, a mapping of `PolicyConfig`'s keys, or an object with
    the attributes of a `PolicySpec`, ours or mettagrid's.

    Raises:
        ConfigError: something else, or an unknown key.
    """
    if isinstance(policy, PolicyConfig):
        return policy
    policy = as_plain(policy)
    if isinstance(policy, str):
        data = {"class_path": policy}
    elif isinstance(policy, Mapping):
        data = dict(policy)
    elif hasattr(policy, "class_path"):
        data = {name: getattr(policy, name, None) for name in POLICY_SPEC_FIELDS}
        data["init_kwargs"] = data["init_kwargs"] or {}
    else:
        raise ConfigError(
            f"policy {short_json(policy)}: a name, a PolicySpec or a mapping of its keys is needed"
        )
    return PolicyConfig.parse(data, f"policy {short_json(data.get('class_path'))}")


def as_list(values: Iterable[Any] | str, name: str) -> list[Any]:
    """Several values; one text alone is refused, it would be read letter by letter.

    Raises:
        ConfigError: naming the argument.
    """
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise ConfigError(f"argument '{name}': got {short_json(values)}; should be a list")
    return [value if name == "policies" else as_plain(value) for value in values]


def settings(values: Any, name: str) -> dict[str, Any]:
    """Keys with values: a mapping, or what was set in a model; none if there is nothing.

    Raises:
        ConfigError: something else, naming the argument.
    """
    if isinstance(values, Model):
        return values.model_dump(mode="json", exclude_unset=True)
    found = as_plain({} if values is None else values)
    if not isinstance(found, dict):
        raise ConfigError(f"argument '{name}': got {short_json(values)}; should be a mapping")
    return found


def resolve_daf_config(daf_config: DAFConfig | None, results_dir: Any) -> DAFConfig:
    """How to run: what the caller says, else the defaults."""
    if daf_config is not None and not isinstance(daf_config, DAFConfig):
        raise ConfigError(
            f"argument 'daf_config': got {short_json(daf_config)}; should be a DAFConfig"
        )
    found = daf_config or DAFConfig()
    if results_dir is not None:
        given = found.model_dump(mode="json", exclude_unset=True)
        found = DAFConfig.parse(given | {"results_dir": results_dir}, "arguments")
    return found


def execution_settings(daf: DAFConfig) -> dict[str, Any]:
    """The part of the execution that stands in the configuration of the workflow."""
    return {name: getattr(daf, name) for name in ExecutionConfig.model_fields}


def default_name(kind: str, content: Model | dict[str, Any]) -> str:
    """A name that stays the same as long as the request does."""
    data = content.resolved() if isinstance(content, Model) else as_plain(content)
    return f"{kind}-{digest(data)[:8]}"
