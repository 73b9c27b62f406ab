"""What things are called: readable, fit for folders, and different where the content differs."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from daf.config import ConfigError, Name, PolicyConfig, short_json
from daf.plan.policy_checker import checker
from daf.policies.registry import METTAGRID, SHORT_NAMES, is_foreign, module_and_class
from daf.policies.user_code_hash import code_digest
from daf.provenance.hashing import digest, file_digest

WEIGHTS_NAMES = ("policy", "best_policy")
"""Names of files that say nothing; their folder's does."""
NAMES = TypeAdapter(Name)


def class_label(class_path: str) -> str:
    """The readable name of a policy's class.

    Raises:
        ConfigError: it cannot name a folder.
    """
    if class_path.startswith(METTAGRID):
        named = Path(class_path.removeprefix(METTAGRID))
        last = named.stem if named.suffix == ".zip" else named.name.replace(":", ".").split(".")[-1]
        return _joined("mettagrid", last)
    return _check_folder_name(class_path.replace(":", ".").split(".")[-1])


def default_label(policy: PolicyConfig, trained: bool) -> str:
    """What a policy without a name of its own is called: class, and weights if they are given.

    Args:
        trained: whether it is a network that has or gets weights, or is no network at all.
    """
    label = class_label(policy.class_path)
    if policy.data_path is not None:
        path = Path(policy.data_path)
        weights = path.resolve().parent.name if path.stem in WEIGHTS_NAMES else path.stem
        own = weights.startswith(f"{label}-") and _fits(weights)
        return weights if own else _joined(label, weights)
    return label if trained else f"{label}-untrained"


def unique_labels(policies: list[PolicyConfig], plain: list[str]) -> list[str]:
    """A label for each policy: its name, or its plain label, with a hash where two would be equal.

    Raises:
        ConfigError: two have the same name, or the same policy stands there twice.
    """
    counts = Counter(label for policy, label in zip(policies, plain) if not policy.name)
    labels: list[str] = []
    for number, (policy, label) in enumerate(zip(policies, plain)):
        if policy.name:
            label = policy.name
        elif counts[label] > 1:
            label = _check_folder_name(f"{label}-{digest(policy_identity(policy))[:6]}")
        if label in labels:
            called = policy.name or plain[number]
            raise ConfigError(
                f"key 'policies.{number}': two policies are called '{called}'; "
                "give this one another 'name'"
            )
        labels.append(label)
    return labels


def policy_identity(policy: PolicyConfig) -> dict[str, Any]:
    """What decides how a policy plays, as plain data; where its files lie does not."""
    weights = None if policy.data_path is None else file_digest(policy.data_path)
    return build_identity(policy, class_digest(policy.class_path), weights)


def build_identity(policy: PolicyConfig, code: str | None, weights: str | None) -> dict[str, Any]:
    """The same where the hashes of its class's file and of its weights are known."""
    found = policy.resolved() | {"class_digest": code, "data_path": weights}
    del found["name"]
    return found


def class_digest(class_path: str) -> str | None:
    """Hash of the code of a foreign policy, so that an edit is noticed, see `code_digest`; of DAF's
    own, whose code is hashed with all that it imports, None.

    Raises:
        ConfigError: there is no such file, or no such module.
    """
    if not is_foreign(class_path):
        return None
    module, _ = module_and_class(class_path)
    if not module.endswith(".py"):
        facts = checker().facts(class_path)
        if facts.file is None:
            return facts.digest
        module = facts.file
    try:
        return code_digest(module)
    except (OSError, ValueError) as error:
        raise ConfigError(f"policy {short_json(class_path)}: {error}") from None


def instance_name(plain: str, content: dict[str, Any]) -> str:
    """The name of a policy that is not trained here; a short name alone is that name.

    Args:
        plain: its plain label.
        content: what decides how it plays.
    """
    alone = PolicyConfig(class_path=content["class_path"], train=content["train"])
    if content["class_path"] in SHORT_NAMES and content == build_identity(alone, None, None):
        return plain
    return f"{plain}-{digest(content)[:8]}"


def _joined(label: str, file: str) -> str:
    """A label with the name of a file behind it, of which a name takes what it can."""
    whole = f"{label}-{file}"
    if _fits(whole):
        return whole
    return _check_folder_name(
        f"{label}-{re.sub('[^A-Za-z0-9_.-]+', '-', file).strip('-')[:32] or 'unnamed'}"
    )


def _fits(label: str) -> bool:
    try:
        return bool(NAMES.validate_python(label))
    except ValidationError:
        return False


def _check_folder_name(label: str) -> str:
    if not _fits(label):
        raise ConfigError(f"{short_json(label)} cannot name a folder; give the policy a 'name'")
    return label
