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
    def expected_path_by_output_name(self, first_output_folder: str) -> dict[str, str]:
        """Return the path of each output, relative to the results folder, by output name.

        Args:
            first_output_folder: folder of the first output in its sidecar, for jobs whose
                parameters do not determine the folder.
        """

    def optional_output_names(self) -> set[str]:
        """Return the names of the outputs that a job may leave out."""
        return set()

    def recorded_digest_by_class_path(self) -> Mapping[str, str | None]:
        """Return the SHA-256 of the class file, if recorded, by class path of each policy."""
        return {}


class PathsFromParametersJob(Job):
    """Parameters of a job that determine the paths of all outputs."""

    @abstractmethod
    def path_from_parameters_by_output_name(self) -> dict[str, str]:
        """Return the path of each output, relative to the results folder, by output name."""

    def expected_path_by_output_name(self, first_output_folder: str) -> dict[str, str]:
        """Return `path_from_parameters_by_output_name`; the recorded folder decides nothing."""
        return self.path_from_parameters_by_output_name()


def map_class_path_to_digest(
    policy: PolicyInstance | PolicyConfig | Run, recorded_digest: str | None
) -> dict[str, str | None]:
    """Return a dictionary from the class path of a policy to its recorded digest.

    A policy that may run code of its file has a class path of `CODE_FILE_CLASS_PATHS`.

    Args:
        policy: policy.
        recorded_digest: recorded SHA-256 of the file of its class.
    """
    path = policy.class_path
    # `trust` is the only argument of a bundle, and a program runs with `trust` only.
    return {CODE_FILE_CLASS_PATHS.get(path, path) if policy.init_kwargs else path: recorded_digest}


def collect_class_digests(contestant: PolicyInstance | Team) -> dict[str, str | None]:
    """Return the class digests of a policy instance, or of the members of a team."""
    is_team = isinstance(contestant, Team)
    policies = [m.instance for m in contestant.members] if is_team else [contestant]
    digests: dict[str, str | None] = {}
    for policy in policies:
        digests |= map_class_path_to_digest(policy, policy.class_digest)
    return digests


def map_class_paths_to_missing_digest(policies: Iterable[PolicyConfig]) -> dict[str, None]:
    """Return None for the class path of each configured policy, which has no recorded digest."""
    return {path: None for policy in policies for path in map_class_path_to_digest(policy, None)}
