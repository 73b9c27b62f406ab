"""Policies of a plan that are evaluated as they are: weights from files, or no weights."""

import hashlib

from daf.config import ConfigError, PolicyConfig, short_json
from daf.files.tensors import load_tensors
from daf.plan.config_checks import check_file_exists
from daf.plan.names import class_label, compute_policy_identity, fixed_policy_name
from daf.plan.plan import Plan
from daf.plan.policy_checker import PolicyChecker
from daf.plan.policy_instances import make_policy_instance
from daf.policies.registry import FILE_POLICIES, METTAGRID_PREFIX, read_init_kwargs
from daf.provenance.hashing import file_digest

WEIGHTS = "weights file"


def check_data_path_and_training_settings(
    policy: PolicyConfig, is_network: bool, takes_weights: bool
) -> None:
    """Check that a policy supports its settings `data_path`, `data_paths` and `training`.

    Args:
        policy: configuration of the policy.
        is_network: true if DAF can train the policy's class.
        takes_weights: true if the policy's class loads files.

    Raises:
        ConfigError: unsupported key, missing file, or the same file for two training seeds.
    """
    path = policy.class_path
    weights_files = policy.weights_file_by_training_seed()
    seed_by_digest: dict[str, int] = {}
    for seed, file in weights_files.items():
        key = "data_path" if seed is None else f"data_paths.{seed}"
        if not takes_weights and not path.startswith(METTAGRID_PREFIX):
            raise ConfigError(
                f"key '{key}': got {short_json(file)}; policy '{path}' takes none, "
                "it has no weights"
            )
        check_file_exists(file, key, FILE_POLICIES.get(path, WEIGHTS))
        if seed is None:
            continue
        # Copies of one training run would count as independent runs.
        first_seed = seed_by_digest.setdefault(_digest_weights_without_metadata(file), seed)
        if first_seed != seed:
            raise ConfigError(
                f"key '{key}': got the content of 'data_paths.{first_seed}'; "
                "expected the weights of another training run"
            )
    if policy.training and (weights_files or not is_network or not policy.train):
        raise ConfigError(
            f"policy '{policy.name or class_label(path)}' is not trained here: key 'training': "
            f"got {short_json(policy.training)}; leave it out"
        )


def _digest_weights_without_metadata(weights_file: str) -> str:
    """Return the hash of a file's tensors without metadata; of all bytes for other formats."""
    try:
        tensors = load_tensors(weights_file)
    except ValueError:
        return file_digest(weights_file)
    import safetensors.torch  # slow import, needed here only

    return hashlib.sha256(safetensors.torch.save(tensors)).hexdigest()


def with_saved_init_kwargs(policy: PolicyConfig, weights_files: list[str]) -> PolicyConfig:
    """Return a network with the arguments in its weights; configured ones take precedence.

    Raises:
        ConfigError: the arguments of two files differ.
    """
    saved = [read_init_kwargs(file) | policy.init_kwargs for file in weights_files]
    for file, init_kwargs in zip(weights_files, saved):
        if init_kwargs != saved[0]:
            raise ConfigError(
                f"key 'data_paths': {short_json(file)} has other arguments than "
                f"{short_json(weights_files[0])}; expected the weights of one method"
            )
    return policy.model_copy(update={"init_kwargs": saved[0]}) if saved else policy


def add_fixed_policy_instances(
    plan: Plan,
    policy: PolicyConfig,
    class_and_weights_label: str,
    label_in_results: str,
    checker: PolicyChecker,
) -> None:
    """Add the instances of a policy that is not trained: one per weights file, else one.

    Args:
        plan: plan to extend.
        policy: configuration of the policy.
        class_and_weights_label: label that follows from class and weights.
        label_in_results: label in the results.
        checker: checker of the plan's policies.

    Raises:
        ConfigError: the policy does not fit the missions, or the plan has it already.
    """
    for seed, file in (policy.weights_file_by_training_seed() or {None: None}).items():
        instance = policy.with_weights_file(file)
        checker.check_fits_missions(instance, list(plan.missions.values()), (), file)
        name = fixed_policy_name(class_and_weights_label, compute_policy_identity(instance), seed)
        if name in plan.policies:
            raise ConfigError(
                f"policy '{label_in_results}' is the same as '{plan.labels[name]}'; leave one out"
            )
        plan.policies[name] = make_policy_instance(name, class_and_weights_label, policy, seed)
        plan.evaluation_configs[name] = plan.config.evaluation
        if file is not None:
            plan.weights[name] = file
        plan.labels[name] = label_in_results
