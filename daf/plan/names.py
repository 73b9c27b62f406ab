"""Names of policies: readable, valid as folder names, and unique by content."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from daf.config import ConfigError, Name, PolicyConfig, short_json
from daf.plan.foreign_policy_checker import policy_checker_of_thread
from daf.policies.registry import (
    METTAGRID_PREFIX,
    PRETRAINED_PREFIX,
    SHORT_NAMES,
    find_pretrained_bundle,
    runs_foreign_code,
    split_class_path,
)
from daf.policies.user_code_hash import digest_file_with_imports
from daf.provenance.hashing import digest, file_digest

WEIGHTS_NAMES = ("policy", "best_policy")
"""Uninformative file names, replaced by the name of their folder."""
SEED_SUFFIX = "^[0-9]+$|([-_.](s|seed)[0-9]*)?([-_.][0-9]*)?$"
"""Training seed at the end of a file name, such as `-s3`, `_seed_3` or `-3`."""
NAMES = TypeAdapter(Name)


def class_label(class_path: str) -> str:
    """Return the readable name of a policy's class.

    Raises:
        ConfigError: name that is not valid for a folder.
    """
    if class_path.startswith(METTAGRID_PREFIX):
        path = Path(class_path.removeprefix(METTAGRID_PREFIX))
        last = path.stem if path.suffix == ".zip" else path.name.replace(":", ".").split(".")[-1]
        return _join_to_valid_folder_name("mettagrid", last)
    return _validated_folder_name(class_path.replace(":", ".").split(".")[-1])


def make_class_and_weights_label(policy: PolicyConfig, is_untrained: bool) -> str:
    """Make the label of a policy without a configured name: its class, and its weights file.

    Args:
        policy: configuration of the policy.
        is_untrained: true for a network that neither has weights nor is trained.
    """
    label = class_label(policy.class_path)
    if not policy.weights_file_by_training_seed():
        return f"{label}-untrained" if is_untrained else label
    if policy.data_path is not None:
        weights = _weights_file_stem_or_folder_name(policy.data_path)
    else:
        weights = _common_weights_name_without_seed(list(policy.data_paths.values()))
        if weights == label:
            return label
    has_class_label = weights.startswith(f"{label}-") and _is_valid_folder_name(weights)
    return weights if has_class_label else _join_to_valid_folder_name(label, weights)


def _weights_file_stem_or_folder_name(path: str) -> str:
    is_uninformative = Path(path).stem in WEIGHTS_NAMES
    return Path(path).resolve().parent.name if is_uninformative else Path(path).stem


def _common_weights_name_without_seed(paths: list[str]) -> str:
    """Return what the names of one method's weights have in common, without the training seed.

    Names without anything in common are replaced by the name of their common folder.
    """
    folders = {Path(path).resolve().parent.name for path in paths}
    common_folder = folders.pop() if len(folders) == 1 else ""
    prefix = os.path.commonprefix([*map(_weights_file_stem_or_folder_name, paths)])  # noqa: RUF071 (of characters)
    for name in (prefix, common_folder):
        if without_seed := re.sub(SEED_SUFFIX, "", name):
            return without_seed
    return "imported"


def make_unique_labels(policies: list[PolicyConfig], default_labels: list[str]) -> list[str]:
    """Return a unique label for each policy: its name or default label, with a hash if ambiguous.

    Raises:
        ConfigError: two policies with the same name or content.
    """
    counts = Counter(label for policy, label in zip(policies, default_labels) if not policy.name)
    labels: list[str] = []
    for number, (policy, default) in enumerate(zip(policies, default_labels)):
        label = policy.name or default
        if not policy.name and counts[default] > 1:
            label = _validated_folder_name(
                f"{default}-{digest(compute_policy_identity(policy))[:6]}"
            )
        if label in labels:
            raise ConfigError(
                f"key 'policies.{number}': two policies are called '{policy.name or default}'; "
                "give this one another 'name'"
            )
        labels.append(label)
    return labels


def compute_policy_identity(policy: PolicyConfig) -> dict[str, Any]:
    """Compute everything that decides a policy's actions, as plain data without paths."""
    weights = None if policy.data_path is None else file_digest(policy.data_path)
    identity = build_policy_identity(policy, foreign_code_digest(policy.class_path), weights)
    if policy.data_paths:
        identity["data_paths"] = {
            str(seed): file_digest(path) for seed, path in policy.data_paths.items()
        }
    return identity


def build_policy_identity(
    policy: PolicyConfig, code_digest: str | None, weights_digest: str | None
) -> dict[str, Any]:
    """Build the identity of a policy from known hashes.

    Args:
        policy: configuration of the policy.
        code_digest: hash of its class's code; None for a policy of DAF.
        weights_digest: hash of its weights; None without weights.
    """
    identity = policy.resolved() | {"class_digest": code_digest, "data_path": weights_digest}
    return {key: value for key, value in identity.items() if key not in ("name", "data_paths")}


def foreign_code_digest(class_path: str) -> str | None:
    """Return the hash of a foreign policy's code, or of a pretrained policy's bundle.

    The code of DAF's other policies is hashed with the modules that a job imports: None.

    Raises:
        ConfigError: missing file or module.
    """
    if class_path.startswith(PRETRAINED_PREFIX):
        return file_digest(find_pretrained_bundle(class_path))
    if not runs_foreign_code(class_path):
        return None
    module, _ = split_class_path(class_path)
    if not module.endswith(".py"):
        facts = policy_checker_of_thread().inspect_class(class_path)
        if facts.source_path is None:
            return facts.digest
        module = facts.source_path
    try:
        return digest_file_with_imports(module)
    except (OSError, ValueError) as error:
        raise ConfigError(f"policy {short_json(class_path)}: {error}") from None


def fixed_policy_name(
    default_label: str, policy_identity: dict[str, Any], training_seed: int | None
) -> str:
    """Return the name of a fixed policy: its label and the digest of its identity.

    A short name without further settings has no digest.

    Args:
        default_label: label that follows from class and weights.
        policy_identity: result of `build_policy_identity`.
        training_seed: seed of the training that produced the weights; None if unknown.
    """
    if training_seed is not None:
        content = policy_identity | {"training_seed": training_seed}
        return f"{default_label}-s{training_seed}-{digest(content)[:8]}"
    class_path = policy_identity["class_path"]
    plain = PolicyConfig(class_path=class_path, train=policy_identity["train"])
    if class_path in SHORT_NAMES and policy_identity == build_policy_identity(plain, None, None):
        return default_label
    return f"{default_label}-{digest(policy_identity)[:8]}"


def _join_to_valid_folder_name(label: str, file_stem: str) -> str:
    """Return a label and a file name, joined; characters that are invalid in names become '-'."""
    joined = f"{label}-{file_stem}"
    if _is_valid_folder_name(joined):
        return joined
    return _validated_folder_name(
        f"{label}-{re.sub('[^A-Za-z0-9_.-]+', '-', file_stem).strip('-')[:32] or 'unnamed'}"
    )


def _is_valid_folder_name(label: str) -> bool:
    try:
        return bool(NAMES.validate_python(label))
    except ValidationError:
        return False


def _validated_folder_name(label: str) -> str:
    if not _is_valid_folder_name(label):
        raise ConfigError(f"{short_json(label)} cannot name a folder; give the policy a 'name'")
    return label
