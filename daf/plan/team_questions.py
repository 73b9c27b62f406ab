"""The teams that follow from a configuration, and what is asked of them."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import gcd, lcm

from daf.config import ConfigError, TeamsConfig, short_json, suggest
from daf.plan.contestants import Team, TeamMember, apportion, team_label
from daf.plan.plan import Plan
from daf.provenance.hashing import file_digest

Composition = dict[str, int]
"""The policies of a team, as the configuration calls them and in its order, with their shares as
the smallest whole numbers; so equal teams are equal, whatever asks for them."""


def add_teams(plan: Plan, labels: Sequence[str]) -> None:
    """Add to a plan of players the teams that its configuration asks for.

    With training seeds there is a team for each: the trained members' weights of that seed, with
    the others as they are.

    Args:
        labels: of all policies, in their order.

    Raises:
        ConfigError: a team that cannot be; one line.
    """
    asked = plan.config.teams
    if asked == TeamsConfig():
        return
    mixed = _mixed(asked, labels)
    valued = _replacement_teams(asked, labels)
    pairs = _cross_play_teams(asked, labels)
    lines = {_label(line): line for line in (*mixed, *valued.values(), *pairs)}
    for label, line in lines.items():
        for team in _teams(plan, line):
            plan.teams[team.name] = team
            plan.evaluation_configs[team.name] = plan.config.evaluation
            plan.labels[team.name] = label
    plan.team_questions = {
        "teams": {label: _agents(plan, line) for label, line in lines.items()},
        "mixed": [_label(line) for line in mixed],
        "replacement": asked.replacement,
        "valued": {policy: _label(line) for policy, line in valued.items()},
        "pairs": {_label(line): list(line) for line in pairs},
    }


def _mixed(asked: TeamsConfig, labels: Sequence[str]) -> list[Composition]:
    found: list[Composition] = []
    for number, shares in enumerate(asked.mixed):
        key = f"teams.mixed.{number}"
        for policy in shares:
            _check_known(key, policy, labels)
        line = _composition(shares, labels)
        if line in found:
            raise ConfigError(
                f"key '{key}': got {short_json(shares)}; that is the team of "
                f"'teams.mixed.{found.index(line)}', leave one out"
            )
        found.append(line)
    return found


def _replacement_teams(asked: TeamsConfig, labels: Sequence[str]) -> dict[str, Composition]:
    """For each policy the team in which it plays half of the agents, the replacement the others."""
    replacement = asked.replacement
    if replacement is None:
        return {}
    _check_known("teams.replacement", replacement, labels)
    others = [policy for policy in labels if policy != replacement]
    if not others:
        raise ConfigError(
            f"key 'teams.replacement': got {short_json(replacement)}; there is no other policy"
        )
    return {policy: _composition({policy: 1, replacement: 1}, labels) for policy in others}


def _cross_play_teams(asked: TeamsConfig, labels: Sequence[str]) -> list[Composition]:
    if asked.cross_play and len(labels) < 2:
        raise ConfigError("key 'teams.cross_play': got true; at least two policies are needed")
    return [dict.fromkeys(pair, 1) for pair in combinations(labels, 2) if asked.cross_play]


def _check_known(key: str, policy: str, labels: Sequence[str]) -> None:
    if policy not in labels:
        raise ConfigError(f"key '{key}': got {short_json(policy)}; {suggest(policy, list(labels))}")


def _composition(shares: Mapping[str, float], labels: Sequence[str]) -> Composition:
    # By way of their decimals, for 0.1 + 0.2 is not 0.3: who plays must not depend on rounding.
    exact = {policy: Fraction(str(shares[policy])) for policy in labels if policy in shares}
    scale = lcm(*(share.denominator for share in exact.values()))
    whole = {policy: int(share * scale) for policy, share in exact.items()}
    return {policy: share // gcd(*whole.values()) for policy, share in whole.items()}


def _label(line: Composition) -> str:
    return team_label(list(line.items()))


def _agents(plan: Plan, line: Composition) -> dict[str, dict[str, int]]:
    """How many agents each policy plays, by mission."""
    found = {}
    for mission in plan.missions.values():
        counts = apportion(mission.num_agents, list(line.values()))
        if 0 in counts:
            policy = list(line)[counts.index(0)]
            raise ConfigError(
                f"key 'teams': in the team {_label(line)}, '{policy}' would play none of the "
                f"{mission.num_agents} agents of mission {mission.name}"
            )
        found[mission.name] = dict(zip(line, counts))
    return found


def _teams(plan: Plan, line: Composition) -> list[Team]:
    """The teams of a line: one, or one for each training seed."""
    names = [[n for n, label in plan.labels.items() if label == policy] for policy in line]
    number = max(map(len, names))
    every = zip(*(found * (number if len(found) == 1 else 1) for found in names), strict=True)
    return [
        Team(members=tuple(_member(plan, n, s) for n, s in zip(team, line.values())))
        for team in every
    ]


def _member(plan: Plan, name: str, share: int) -> TeamMember:
    run, file = plan.runs.get(name), plan.weights.get(name)
    return TeamMember(
        instance=plan.policies[name],
        share=share,
        trained_on=run.missions if run else (),
        weights=file_digest(file) if file and not run else None,
    )
