"""Contestants of an evaluation: policy instances and teams of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, Field

from daf.config import ConfigError, Int, Model, PolicyConfig
from daf.missions import Mission
from daf.plan.names import build_policy_identity, class_label, fixed_policy_name
from daf.policies.registry import split_class_path
from daf.provenance.hashing import digest

MAX_NAME_CHARACTERS = 40
"""Maximum length of the policies in a team's name."""


class PolicyInstance(Model):
    """A policy with fixed weights or none, ready to be evaluated.

    Attributes:
        name: unique name, that of the run for a trained policy.
        default_label: label that follows from class and weights; in files the key `policy`.
        class_path: class path of the policy.
        class_digest: hash of a foreign policy's code; None for a policy of DAF.
        init_kwargs: arguments of the policy's class.
        training_seed: seed of the training that produced the weights; None if unknown, or without
            training.
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    name: str
    default_label: str = Field(alias="policy")
    class_path: str
    class_digest: str | None
    init_kwargs: dict[str, Any]
    training_seed: int | None

    def is_name_derived_from_content(self, weights_digest: str | None) -> bool:
        """Return True if the name of this fixed policy follows from its content.

        Args:
            weights_digest: hash of its weights; None without weights.
        """
        label, default_label = class_label(self.class_path), self.default_label
        if default_label not in (label, f"{label}-untrained") and not (
            weights_digest and default_label.startswith(f"{label}-")
        ):
            return False
        policies = (
            PolicyConfig(class_path=self.class_path, init_kwargs=self.init_kwargs, train=train)
            for train in (True, False)
        )
        identities = (
            build_policy_identity(policy, self.class_digest, weights_digest) for policy in policies
        )
        seed = self.training_seed
        names = [fixed_policy_name(default_label, identity, seed) for identity in identities]
        return self.name in names

    def list_daf_class_modules(self) -> list[str]:
        """Return the `daf` module that defines the class; empty for foreign code."""
        return list_class_module_if_daf(self.class_path)


class TeamMember(Model):
    """A policy instance in a team.

    Attributes:
        instance: the policy instance.
        share: number of agents, relative to the shares of the other members.
        trained_on: missions of its run; empty for a fixed policy.
        weights: hash of the weights of a fixed policy; None without weights. The weights of a
            trained policy are identified by the name of its run.
    """

    instance: PolicyInstance
    share: Int = Field(ge=1)
    trained_on: tuple[Mission, ...]
    weights: str | None

    def find_weights_file(self, digest_by_file: Mapping[str, str]) -> str | None:
        """Return the member's file among the weights of its team; None without weights.

        Args:
            digest_by_file: hash of each weights file of the team, by path.

        Raises:
            ConfigError: missing file.
        """
        is_trained = self.weights is None and self.instance.training_seed is not None
        run_file = f"/runs/{self.instance.name}/policy.safetensors"
        for file, sha in digest_by_file.items():
            if f"/{file}".endswith(run_file) if is_trained else sha == self.weights:
                return file
        if is_trained or self.weights:
            raise ConfigError(
                f"policy '{self.instance.default_label}': its weights are not among the files"
            )
        return None


class Team(Model):
    """Policy instances that share the agents of every world.

    Attributes:
        members: policy instances with their shares of the agents.
    """

    members: tuple[TeamMember, ...] = Field(min_length=2)

    @property
    def default_label(self) -> str:
        """Label that follows from the members: their default labels with their shares."""
        return team_label(
            [(member.instance.default_label, member.share) for member in self.members]
        )

    @property
    def training_seed(self) -> int | None:
        """Common seed of the trained members; None without trained members."""
        seeds = (member.instance.training_seed for member in self.members)
        return next((seed for seed in seeds if seed is not None), None)

    @property
    def name(self) -> str:
        """Unique name, which follows from members and shares."""
        content = [[member.instance.name, member.share] for member in self.members]
        readable = "-".join(member.instance.default_label for member in self.members)[
            :MAX_NAME_CHARACTERS
        ]
        seed = "" if self.training_seed is None else f"-s{self.training_seed}"
        return f"team-{readable}{seed}-{digest(content)[:8]}"

    def list_daf_class_modules(self) -> list[str]:
        """Return the `daf` modules that define the classes of the members."""
        return sorted(
            {
                module
                for member in self.members
                for module in member.instance.list_daf_class_modules()
            }
        )

    def agents_per_member(self, num_agents: int) -> list[int]:
        """Return the number of agents of each member."""
        return apportion_agents(num_agents, [member.share for member in self.members])


def parse_contestant(data: Mapping[str, Any]) -> PolicyInstance | Team:
    """Parse a policy instance or a team from plain data."""
    return (Team if "members" in data else PolicyInstance).model_validate(data)


def team_label(labels_and_shares: Sequence[tuple[str, int]]) -> str:
    """Return a team's label, such as `3 lstm + 1 baseline`; equal shares are omitted.

    Args:
        labels_and_shares: (label, share) of each member.
    """
    equal = len({share for _, share in labels_and_shares}) == 1
    return " + ".join(
        policy if equal else f"{share} {policy}" for policy, share in labels_and_shares
    )


def apportion_agents(num_agents: int, shares: Sequence[int]) -> list[int]:
    """Apportion the agents of a team to its members, by largest remainder.

    Each member receives the whole part of its quota, agents x share / sum of the shares. The
    remaining agents go, one each, to the largest fractional parts (method of Hamilton, or Hare and
    Niemeyer; Balinski and Young 1982), equal ones in the order of the members. The shares are
    those of `cogames eval -p POLICY:SHARE`.

    Args:
        num_agents: number of agents of the team.
        shares: share of each member, at least one member, not negative, not all 0.

    Returns:
        number of agents of each member; the sum is `num_agents`.
    """
    total = sum(shares)
    counts = [num_agents * share // total for share in shares]
    by_remainder = sorted(
        range(len(shares)), key=lambda member: -(num_agents * shares[member] % total)
    )
    for member in by_remainder[: num_agents - sum(counts)]:
        counts[member] += 1
    return counts


def list_class_module_if_daf(class_path: str) -> list[str]:
    """Return the `daf` module that defines a class; empty for foreign code."""
    module, _ = split_class_path(class_path)
    return [module] if module.startswith("daf.") else []
