"""Teams of a configuration and the questions about them: mixed, replacement, cross-play."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import gcd, lcm

from daf.config import ConfigError, TeamsConfig, short_json, suggest_choice
from daf.plan.contestants import Team, TeamMember, apportion_agents, team_label
from daf.plan.plan import Plan
from daf.provenance.hashing import file_digest

IntegerShareByPolicy = dict[str, int]
"""Share of each policy of a team, by label, in the order of the configuration.

The shares are the smallest whole numbers, so equal teams have equal compositions."""


def add_teams_and_questions(plan: Plan, policy_labels: Sequence[str]) -> None:
    """Add the teams of the configuration and the questions about them to a plan.

    With training seeds each composition gives one team per seed: the trained members with the
    weights of that seed, and the fixed members.

    Args:
        plan: plan with all policy instances.
        policy_labels: labels of all policies, in the order of the configuration.

    Raises:
        ConfigError: invalid team, in one line.
    """
    config = plan.config.teams
    if config == TeamsConfig():
        return
    mixed = _mixed_teams(config, policy_labels)
    replacements = _pair_each_policy_with_replacement(config, policy_labels)
    pairs = _cross_play_teams(config, policy_labels)
    compositions = {
        _composition_label(composition): composition
        for composition in (*mixed, *replacements.values(), *pairs)
    }
    for label, composition in compositions.items():
        missions_by_team: dict[str, tuple[str, ...]] = {}
        for mission in plan.missions:
            for team in _build_team_per_training_seed(plan, composition, mission):
                plan.teams[team.name] = team
                plan.evaluation_configs[team.name] = plan.config.evaluation
                plan.labels[team.name] = label
                missions_by_team[team.name] = (*missions_by_team.get(team.name, ()), mission)
        plan.select_missions(missions_by_team)
    plan.team_questions = {
        "teams": {
            label: _count_agents_by_mission_and_policy(plan, composition)
            for label, composition in compositions.items()
        },
        "mixed": [_composition_label(composition) for composition in mixed],
        "replacement": config.replacement,
        "valued": {
            policy: _composition_label(composition) for policy, composition in replacements.items()
        },
        "pairs": {_composition_label(composition): list(composition) for composition in pairs},
    }


def _mixed_teams(config: TeamsConfig, labels: Sequence[str]) -> list[IntegerShareByPolicy]:
    compositions: list[IntegerShareByPolicy] = []
    for number, shares in enumerate(config.mixed):
        key = f"teams.mixed.{number}"
        for policy in shares:
            _check_policy_label(key, policy, labels)
        composition = _reduce_to_integer_shares(shares, labels)
        if composition in compositions:
            raise ConfigError(
                f"key '{key}': got {short_json(shares)}; that is the team of "
                f"'teams.mixed.{compositions.index(composition)}', leave one out"
            )
        compositions.append(composition)
    return compositions


def _pair_each_policy_with_replacement(
    config: TeamsConfig, labels: Sequence[str]
) -> dict[str, IntegerShareByPolicy]:
    """Return for each policy its team with the replacement policy, half of the agents each."""
    replacement = config.replacement
    if replacement is None:
        return {}
    _check_policy_label("teams.replacement", replacement, labels)
    others = [policy for policy in labels if policy != replacement]
    if not others:
        raise ConfigError(
            f"key 'teams.replacement': got {short_json(replacement)}; there is no other policy"
        )
    return {
        policy: _reduce_to_integer_shares({policy: 1, replacement: 1}, labels) for policy in others
    }


def _cross_play_teams(config: TeamsConfig, labels: Sequence[str]) -> list[IntegerShareByPolicy]:
    if config.cross_play and len(labels) < 2:
        raise ConfigError("key 'teams.cross_play': got true; at least two policies are needed")
    return [dict.fromkeys(pair, 1) for pair in combinations(labels, 2) if config.cross_play]


def _check_policy_label(config_key: str, policy_label: str, known_labels: Sequence[str]) -> None:
    if policy_label not in known_labels:
        suggestion = suggest_choice(policy_label, known_labels)
        raise ConfigError(f"key '{config_key}': got {short_json(policy_label)}; {suggestion}")


def _reduce_to_integer_shares(
    shares: Mapping[str, float], labels: Sequence[str]
) -> IntegerShareByPolicy:
    # Exact fractions of the decimal shares: a composition must not depend on rounding.
    exact = {policy: Fraction(str(shares[policy])) for policy in labels if policy in shares}
    scale = lcm(*(share.denominator for share in exact.values()))
    whole = {policy: int(share * scale) for policy, share in exact.items()}
    return {policy: share // gcd(*whole.values()) for policy, share in whole.items()}


def _composition_label(composition: IntegerShareByPolicy) -> str:
    return team_label(list(composition.items()))


def _count_agents_by_mission_and_policy(
    plan: Plan, composition: IntegerShareByPolicy
) -> dict[str, dict[str, int]]:
    """Return the number of agents of each policy, by mission."""
    agents = {}
    for mission in plan.missions.values():
        counts = apportion_agents(mission.num_agents, list(composition.values()))
        if 0 in counts:
            policy = list(composition)[counts.index(0)]
            raise ConfigError(
                f"key 'teams': in the team {_composition_label(composition)}, '{policy}' would "
                f"play none of the {mission.num_agents} agents of mission {mission.name}"
            )
        agents[mission.name] = dict(zip(composition, counts))
    return agents


def _build_team_per_training_seed(
    plan: Plan, composition: IntegerShareByPolicy, mission_name: str
) -> list[Team]:
    """Return the teams of a composition on a mission: one, or one per common training seed.

    Raises:
        ConfigError: no common training seed.
    """
    instance_by_seed: list[dict[int | None, str]] = [
        {
            plan.policies[name].training_seed: name
            for name, label in plan.labels.items()
            if label == policy
            and name in plan.policies
            and mission_name in plan.evaluation_missions(name)
        }
        for policy in composition
    ]
    with_seeds = [instances for instances in instance_by_seed if None not in instances]
    seeds: list[int | None] = [
        seed
        for seed in (with_seeds[0] if with_seeds else [None])
        if all(seed in instances for instances in with_seeds)
    ]
    if not seeds:
        raise ConfigError(
            f"key 'teams': in the team {_composition_label(composition)}, the policies have no "
            "training seed in common"
        )
    teams = [
        [instances[seed if None not in instances else None] for instances in instance_by_seed]
        for seed in seeds
    ]
    return [
        Team(
            members=tuple(
                _make_team_member(plan, name, share)
                for name, share in zip(team, composition.values())
            )
        )
        for team in teams
    ]


def _make_team_member(plan: Plan, instance_name: str, relative_share: int) -> TeamMember:
    run, file = plan.runs.get(instance_name), plan.weights.get(instance_name)
    return TeamMember(
        instance=plan.policies[instance_name],
        share=relative_share,
        trained_on=run.missions if run else (),
        weights=file_digest(file) if file and not run else None,
    )
