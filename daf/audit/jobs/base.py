"""Base class of jobs, and the classes of the policies that they run."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from daf.config import Model, PolicyConfig
from daf.plan import PolicyInstance, Run, Team
from daf.policies.registry import CODE_FILE_POLICIES, SHORT_NAMES

CODE_FILE_CLASS_PATHS = {
    path: f"{name}+code" for name in CODE_FILE_POLICIES for path in (name, SHORT_NAMES[name])
}
"""Class path, in audits only, of a policy that runs code of its file."""


class CannotVerifyError(Exception):
    """Reason why a check is impossible on this machine, without fault of the results."""


class Job(Model):
    """Parameters of a job.

    Attributes:
        recomputable: true if the outputs follow from the inputs without running episodes.
        device_dependent: true if the outputs have numbers of a network, which processors round
            differently.
    """

    recomputable: ClassVar[bool] = False
    device_dependent: ClassVar[bool] = False

    @abstractmethod
    def output_paths(self, output_folder: str) -> dict[str, str]:
        """Return the output files by the rule's names for them.

        Args:
            output_folder: recorded folder of the outputs, for parameters that do not give it.
        """

    def policy_class_digests(self) -> Mapping[str, str | None]:
        """Return the SHA-256 of the class file, if recorded, by class path of each policy."""
        return {}


def digest_by_class_path(
    policy: PolicyInstance | PolicyConfig | Run, class_digest: str | None
) -> dict[str, str | None]:
    """Return the digest of a policy's class by its class path.

    A policy that may run code of its file has a class path of `CODE_FILE_CLASS_PATHS`.

    Args:
        policy: policy.
        class_digest: recorded SHA-256 of the file of its class.
    """
    path = policy.class_path
    # `trust` is the only argument of a bundle, and a program runs with `trust` only.
    return {CODE_FILE_CLASS_PATHS.get(path, path) if policy.init_kwargs else path: class_digest}


def contestant_class_digests(contestant: PolicyInstance | Team) -> dict[str, str | None]:
    """Return the class digests of a policy instance, or of the members of a team."""
    is_team = isinstance(contestant, Team)
    policies = [m.instance for m in contestant.members] if is_team else [contestant]
    digests: dict[str, str | None] = {}
    for policy in policies:
        digests |= digest_by_class_path(policy, policy.class_digest)
    return digests


def class_paths_without_digests(policies: Iterable[PolicyConfig]) -> dict[str, None]:
    """Return the class paths of configured policies, which have no recorded digests."""
    return {path: None for policy in policies for path in digest_by_class_path(policy, None)}
