"""Arguments of the pipelines, converted to configurations."""

from collections.abc import Iterable, Mapping
from typing import Any

from daf.config import ConfigError, DAFConfig, ExecutionConfig, PolicyConfig, short_json
from daf.config.model import Model
from daf.config.plain import as_plain_data
from daf.provenance.hashing import digest

POLICY_SPEC_FIELDS = ("class_path", "data_path", "init_kwargs")


def as_policy_config(policy: Any) -> PolicyConfig:
    """Return the configuration of a policy.

    Args:
        policy: a name, a mapping of `PolicyConfig`'s keys, or an object with the attributes of a
            `PolicySpec`, from DAF or mettagrid.

    Raises:
        ConfigError: another type, or an unknown key.
    """
    if isinstance(policy, PolicyConfig):
        return policy
    policy = as_plain_data(policy)
    if isinstance(policy, str):
        data = {"class_path": policy}
    elif isinstance(policy, Mapping):
        data = dict(policy)
    elif hasattr(policy, "class_path"):
        data = {name: getattr(policy, name, None) for name in POLICY_SPEC_FIELDS}
        data["init_kwargs"] = data["init_kwargs"] or {}
    else:
        raise ConfigError(
            f"policy {short_json(policy)}: expected a name, a PolicySpec or a mapping of its keys"
        )
    return PolicyConfig.parse(data, f"policy {short_json(data.get('class_path'))}")


def require_list(values: Any, argument_name: str) -> list[Any]:
    """Return the values of an argument as a list. A single string is not a list.

    Raises:
        ConfigError: not a list; names the argument.
    """
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise ConfigError(f"argument '{argument_name}': got {short_json(values)}; expected a list")
    return [value if argument_name == "policies" else as_plain_data(value) for value in values]


def as_dict(values: Any, argument_name: str) -> dict[str, Any]:
    """Return the keys and values of an argument.

    Args:
        values: a mapping, a model (its explicitly set keys), or None (no keys).
        argument_name: name of the argument, for the error.

    Raises:
        ConfigError: another type; names the argument.
    """
    if isinstance(values, Model):
        return values.model_dump(mode="json", exclude_unset=True)
    plain_values = as_plain_data({} if values is None else values)
    if not isinstance(plain_values, dict):
        raise ConfigError(
            f"argument '{argument_name}': got {short_json(values)}; expected a mapping"
        )
    return plain_values


def resolve_daf_config(daf_config: DAFConfig | None, results_dir_override: Any) -> DAFConfig:
    """Return the execution settings of the caller, else the defaults.

    Args:
        daf_config: settings of the caller.
        results_dir_override: results folder that replaces the one of `daf_config`; None: none.

    Raises:
        ConfigError: not a DAFConfig, or an invalid folder.
    """
    if daf_config is not None and not isinstance(daf_config, DAFConfig):
        raise ConfigError(
            f"argument 'daf_config': got {short_json(daf_config)}; expected a DAFConfig"
        )
    settings = DAFConfig() if daf_config is None else daf_config
    if results_dir_override is None:
        return settings
    explicit_settings = settings.model_dump(mode="json", exclude_unset=True)
    return DAFConfig.parse(explicit_settings | {"results_dir": results_dir_override}, "arguments")


def execution_settings(daf: DAFConfig) -> dict[str, Any]:
    """Return the settings that belong to `execution` in the configuration of the workflow."""
    return {name: getattr(daf, name) for name in ExecutionConfig.model_fields}


def pipeline_name_from_content(pipeline_kind: str, request: Model | dict[str, Any]) -> str:
    """Return a name that depends on the kind and the request only, such as `sweep-1a2b3c4d`."""
    data = request.resolved() if isinstance(request, Model) else as_plain_data(request)
    return f"{pipeline_kind}-{digest(data)[:8]}"
