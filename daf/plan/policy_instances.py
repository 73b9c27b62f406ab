"""Policy instances of configured policies, trained or fixed."""

from daf.config import PolicyConfig
from daf.plan.contestants import PolicyInstance
from daf.plan.names import foreign_code_digest


def make_policy_instance(
    name: str, default_label: str, policy: PolicyConfig, training_seed: int | None
) -> PolicyInstance:
    """Return a policy instance with the class of a configuration.

    Args:
        name: unique name.
        default_label: label that follows from class and weights.
        policy: configuration of the policy.
        training_seed: seed of the training that produces its weights; None if unknown.
    """
    return PolicyInstance(
        name=name,
        default_label=default_label,
        class_path=policy.class_path,
        class_digest=foreign_code_digest(policy.class_path),
        init_kwargs=policy.init_kwargs,
        training_seed=training_seed,
    )
