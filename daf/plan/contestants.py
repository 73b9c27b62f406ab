"""Who is evaluated: a policy alone, or a team of several."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from daf.config import ConfigError, Int, Model, PolicyConfig
from daf.missions import Mission
from daf.plan.names import build_identity, class_label, instance_name
from daf.policies.registry import module_and_class
from daf.provenance.hashing import digest

MAX_NAME_CHARACTERS = 40
"""Characters of a team's name that tell who plays in it."""


class PolicyInstance(Model):
    """Somebody to evaluate: the weights of a run, or a policy as it is."""

    name: str
    policy: str
    class_path: str
    class_digest: str | None
    init_kwargs: dict[str, Any]
    training_seed: int | None

    def is_valid_name(self, weights: str | None) -> bool:
        """Whether the name of a policy that is not trained here is one that its content gives it.

        Args:
            weights: hash of the weights it plays with, if any.
        """
        label, plain = class_label(self.class_path), self.policy
        if plain not in (label, f"{label}-untrained") and not (
            weights and plain.startswith(f"{label}-")
        ):
            return False
        policies = (
            PolicyConfig(class_path=self.class_path, init_kwargs=self.init_kwargs, train=train)
            for train in (True, False)
        )
        contents = (build_identity(policy, self.class_digest, weights) for policy in policies)
        return self.name in [instance_name(plain, content) for content in contents]

    def modules(self) -> list[str]:
        """The `daf` modules of the policy's own code."""
        return policy_modules(self.class_path)


class TeamMember(Model):
    """A player's part in a team.

    Attributes:
        share: of the agents, relative to the shares of the others.
        trained_on: the missions that its weights are made for; none if not by us.
        weights: hash of the file it plays with if that was given; one that a training makes is
            known by its name.
    """

    instance: PolicyInstance
    share: Int = Field(ge=1)
    trained_on: tuple[Mission, ...]
    weights: str | None

    def weights_file(self, files: Mapping[str, str]) -> str | None:
        """Its file among the weights of the whole team, which are given with their hashes; None if
        it plays without.

        Raises:
            ConfigError: it is not among them.
        """
        trained = self.instance.training_seed is not None
        made = f"/runs/{self.instance.name}/policy.safetensors"
        for file, sha in files.items():
            if f"/{file}".endswith(made) if trained else sha == self.weights:
                return file
        if trained or self.weights:
            raise ConfigError(
                f"policy '{self.instance.policy}': its weights are not among the files"
            )
        return None


class Team(Model):
    """Players that play together, each some of the agents; its name follows from who they are."""

    members: tuple[TeamMember, ...] = Field(min_length=2)

    @property
    def policy(self) -> str:
        """What it is called if its members have no names of their own."""
        return team_label([(member.instance.policy, member.share) for member in self.members])

    @property
    def training_seed(self) -> int | None:
        """That of its trained members, which share it; None if there are none."""
        seeds = (member.instance.training_seed for member in self.members)
        return next((seed for seed in seeds if seed is not None), None)

    @property
    def name(self) -> str:
        """The name that its content gives it."""
        content = [[member.instance.name, member.share] for member in self.members]
        readable = "-".join(member.instance.policy for member in self.members)[:MAX_NAME_CHARACTERS]
        seed = "" if self.training_seed is None else f"-s{self.training_seed}"
        return f"team-{readable}{seed}-{digest(content)[:8]}"

    def modules(self) -> list[str]:
        """The `daf` modules of its members' own code."""
        return sorted({module for member in self.members for module in member.instance.modules()})

    def apportion(self, agents: int) -> list[int]:
        """How many of the agents each member plays."""
        return apportion(agents, [member.share for member in self.members])


def parse_contestant(data: Mapping[str, Any]) -> PolicyInstance | Team:
    """The player or team that plain data describe."""
    return (Team if "members" in data else PolicyInstance).model_validate(data)


def team_label(parts: Sequence[tuple[str, int]]) -> str:
    """Policies with their shares in words, such as `3 lstm + 1 baseline`; equal ones go unsaid."""
    equal = len({share for _, share in parts}) == 1
    return " + ".join(policy if equal else f"{share} {policy}" for policy, share in parts)


def apportion(agents: int, shares: Sequence[int]) -> list[int]:
    """How many of the agents each member of a team plays, by largest remainder.

    Each gets the whole part of its quota, agents x share / sum of the shares; the agents that are
    left go, one each, to the largest fractional parts (method of Hamilton, or Hare and Niemeyer;
    Balinski and Young 1982), equal ones in the order of the members. The shares are those of
    `cogames eval -p POLICY:SHARE`.

    Args:
        agents: of the team.
        shares: of each member, at least one, not negative, not all 0.

    Returns:
        numbers of agents, in the order of `shares`; they add up to `agents`.
    """
    total = sum(shares)
    found = [agents * share // total for share in shares]
    places = range(len(shares))
    by_remainder = sorted(places, key=lambda place: -(agents * shares[place] % total))
    for place in by_remainder[: agents - sum(found)]:
        found[place] += 1
    return found


def policy_modules(class_path: str) -> list[str]:
    """The `daf` modules of the code of a policy's class."""
    module, _ = module_and_class(class_path)
    return [module] if module.startswith("daf.") else []
