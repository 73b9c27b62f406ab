"""What every job tells, and whose code it runs."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from daf.config import Model, PolicyConfig
from daf.plan import PolicyInstance, Run, Team
from daf.policies.registry import BUNDLE, SHORT_NAMES

FOREIGN_BUNDLE = "bundle+code"
"""The class path, for an audit, of a bundle that runs code of its own; it is no real one."""


class NotPossible(Exception):
    """Something cannot be checked here; the message says why, and it is not the results' fault."""


class Job(Model):
    """The parameters of a job.

    Attributes:
        computed: whether its outputs follow from its inputs without playing whole episodes.
        rounded: whether they have numbers of a network, which processors round differently.
    """

    computed: ClassVar[bool] = False
    rounded: ClassVar[bool] = False

    @abstractmethod
    def outputs(self, folder: str) -> dict[str, str]:
        """The files that it makes, by the rule's names for them.

        Args:
            folder: where they are said to be; believed only where nothing else says it.
        """

    def classes(self) -> dict[str, str | None]:
        """The class paths of the policies it is about; where it is known, with the hash of the
        file that the class is defined in."""
        return {}


def code_of(
    policy: PolicyInstance | PolicyConfig | Run, known: str | None
) -> dict[str, str | None]:
    """The class path of a policy. A bundle is DAF's own, unless it runs code of its file."""
    bundle = policy.class_path in (BUNDLE, SHORT_NAMES[BUNDLE])
    return {FOREIGN_BUNDLE if bundle and policy.init_kwargs else policy.class_path: known}


def code_of_contestant(contestant: PolicyInstance | Team) -> dict[str, str | None]:
    """The class paths of a policy, or of the members of a team."""
    alone = (
        [m.instance for m in contestant.members] if isinstance(contestant, Team) else [contestant]
    )
    return {path: sha for one in alone for path, sha in code_of(one, one.class_digest).items()}


def code_of_all(policies: Iterable[PolicyConfig]) -> dict[str, str | None]:
    """The class paths of several policies."""
    return {path: None for policy in policies for path in code_of(policy, None)}
