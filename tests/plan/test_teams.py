"""Teams of a configuration: members, names, labels and questions."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daf.config import BenchmarkConfig, ConfigError
from daf.plan import Plan, make_plan
from daf.plan.contestants import apportion_agents, team_label
from daf.policies import Game
from daf.policies.stateless import Stateless


def plan(teams, **changes) -> Plan:
    data = {
        "policies": ["stateless", "baseline", "random"],
        "missions": ["assembler_2", "training_facility_1"],
        "training_seeds": [1, 2],
        "teams": teams,
    }
    return make_plan(BenchmarkConfig.parse(data | changes, "test"))


def test_apportionment_of_a_published_example():
    # Article "Largest remainder method": 100 000 votes, 10 seats, Hare quota.
    assert apportion_agents(10, [47_000, 16_000, 15_800, 12_000, 6_100, 3_100]) == [
        5,
        2,
        1,
        1,
        1,
        0,
    ]


@pytest.mark.parametrize("agents, shares, expected", [
    (8, [3, 5], [3, 5]),
    (4, [1, 1, 1], [2, 1, 1]),
    (3, [1, 2], [1, 2]),
    (1, [1, 1], [1, 0]),
    (5, [0, 2], [0, 5]),
    (0, [1], [0]),
])  # fmt: skip
def test_apportionment(agents, shares, expected):
    assert apportion_agents(agents, shares) == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 200), st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any))
def test_apportionment_rounds_each_quota(agents, shares):
    counts = apportion_agents(agents, shares)
    assert sum(counts) == agents
    for share, count in zip(shares, counts):
        quota = agents * share / sum(shares)
        assert quota - 1 < count < quota + 1


def test_no_questions_give_no_teams():
    made = plan({})
    assert (made.teams, made.team_questions) == ({}, None)
    assert made.evaluations_except_missing() == plan({"mixed": []}).evaluations_except_missing()


def test_one_team_per_training_seed():
    made = plan({"cross_play": True})
    first, second = made.runs
    members = [made.member_names(name) for name in made.teams]
    assert members == [
        [first, "baseline"], [second, "baseline"], [first, "random"], [second, "random"],
        ["baseline", "random"],
    ]  # fmt: skip
    assert [team.training_seed for team in made.teams.values()] == [1, 2, 1, 2, None]
    assert [made.member_weights_files(name) for name in made.teams] == [
        [made.weights_path(run)] for run in (first, second, first, second)
    ] + [[]]
    assert list(made.teams) == [team.name for team in made.teams.values()]
    assert [made.labels[name] for name in made.teams][::2] == [
        "stateless + baseline", "stateless + random", "baseline + random"
    ]  # fmt: skip
    for name in made.teams:
        assert re.fullmatch(r"team-[a-z-]+(-s[12])?-[0-9a-f]{8}", name)
    (trained, fixed) = made.teams[next(iter(made.teams))].members
    assert [m.name for m in trained.trained_on] == list(made.missions) and fixed.trained_on == ()


def test_equal_teams_are_one_team():
    teams = {"mixed": [{"random": 0.5, "baseline": 0.5}], "replacement": "random"}
    made = plan(teams | {"cross_play": True})
    assert set(made.teams) == set(plan({"cross_play": True}).teams)
    assert made.team_questions["mixed"] == ["baseline + random"]
    assert made.team_questions["valued"] == {
        "stateless": "stateless + random", "baseline": "baseline + random"
    }  # fmt: skip
    assert made.team_questions["pairs"]["baseline + random"] == ["baseline", "random"]


def test_name_follows_from_members_and_shares_only():
    def name(shares, **changes):
        return next(iter(plan({"mixed": [shares]}, **changes).teams))

    expected = name({"baseline": 0.75, "random": 0.25})
    assert expected == name({"random": 1, "baseline": 3}, missions=["assembler_2"], name="x")
    named = [{"class_path": "baseline", "name": "mine"}, "random"]
    assert expected == name({"mine": 3, "random": 1}, policies=named)
    assert expected != name({"baseline": 0.5, "random": 0.5})
    first = name({"stateless": 1, "random": 1})
    assert first != name({"stateless": 1, "random": 1}, training={"gamma": 0.9})


def test_agents_by_mission_follow_from_shares():
    made = plan({"mixed": [{"random": 0.1, "baseline": 0.1, "stateless": 0.2}]})
    (label,) = made.team_questions["mixed"]
    assert label == "2 stateless + 1 baseline + 1 random"
    assert made.team_questions["teams"][label]["assembler_2"] == {
        "stateless": 2, "baseline": 1, "random": 1
    }  # fmt: skip
    assert team_label([("a", 2), ("b", 2)]) == "a + b"


def test_teams_are_evaluated_like_policies():
    made = plan({"replacement": "random"}, evaluation={"episodes": 3})
    evaluations = made.evaluations_except_missing()
    of_policies = [(name, mission) for name, mission in evaluations if name in made.policies]
    assert of_policies == plan({}).evaluations_except_missing()
    assert len(evaluations) == 2 * (4 + 3)
    name = list(made.teams)[-1]
    assert made.episode_table_path(name, "assembler_2").endswith(
        f"evaluations/{name}-e3-w0/assembler_2.parquet"
    )
    assert any(name in file for file in made.first_replay_files())
    assert made.find_contestant(name).default_label == "baseline + random"
    assert made.find_contestant("random") is made.policies["random"]


def test_teams_of_a_missing_run_are_missing():
    teams = {"replacement": "random"}
    complete = plan(teams)
    first, _ = complete.runs
    evaluation = f"{list(complete.teams)[-1]}/assembler_2"
    part = plan(teams, missing={"runs": [first], "evaluations": [evaluation]})
    missing = {tuple(entry.values()) for entry in part.declared_missing_evaluations()}
    team = next(iter(complete.teams))
    assert first in complete.member_names(team)
    assert missing == {
        ("stateless", first, "assembler_2"), ("stateless", first, "training_facility_1"),
        ("stateless + random", team, "assembler_2"),
        ("stateless + random", team, "training_facility_1"),
        ("baseline + random", list(complete.teams)[-1], "assembler_2"),
    }  # fmt: skip
    evaluations = [f"{p}/{m}" for p in complete.policies for m in complete.missions]
    with pytest.raises(ConfigError, match="leaves no evaluation to compare"):
        plan(teams, missing={"evaluations": evaluations})


def test_fixed_weights_are_identified_by_content(tmp_path):
    made = plan({})
    file = tmp_path / "mine.safetensors"
    Stateless(Game.of(*made.missions.values())).save(file)
    policies = [{"class_path": "stateless", "data_path": str(file), "name": "mine"}, "random"]
    made = plan({"cross_play": True}, policies=policies)
    (team,) = made.teams.values()
    assert made.member_weights_files(team.name) == [str(file)]
    member = team.members[0]
    assert member.find_weights_file({"a": "0", "b": member.weights}) == "b"
    assert team.training_seed is None


def test_modules_of_a_team_are_those_of_its_members():
    (team, *_) = plan({"cross_play": True}).teams.values()
    assert team.list_daf_class_modules() == ["daf.policies.baseline", "daf.policies.stateless"]


@pytest.mark.parametrize("teams, changes, error", [
    ({"mixed": [{"baselin": 1, "random": 1}]}, {},
     "key 'teams.mixed.0': got \"baselin\"; did you mean 'baseline'? accepted: stateless, "),
    ({"replacement": "randm"}, {}, "key 'teams.replacement': got \"randm\"; did you mean 'random'"),
    ({"replacement": "random"}, {"policies": ["random"]},
     "key 'teams.replacement': got \"random\"; there is no other policy"),
    ({"cross_play": True}, {"policies": ["random"]},
     "key 'teams.cross_play': got true; at least two policies are needed"),
    ({"mixed": [{"baseline": 1, "random": 1}, {"random": 2, "baseline": 2}]}, {},
     "key 'teams.mixed.1': got {\"random\": 2.0, \"baseline\": 2.0}; that is the team of "
     "'teams.mixed.0', leave one out"),
    ({"cross_play": True}, {"missions": ["assembler_1"]},
     "key 'teams': in the team stateless + baseline, 'baseline' would play none of the 1 agents "
     "of mission assembler_1"),
    ({"mixed": [{"baseline": 0.9, "random": 0.1}]}, {},
     "key 'teams': in the team 9 baseline + 1 random, 'random' would play none of the 4 agents"),
])  # fmt: skip
def test_invalid_teams_are_refused(teams, changes, error):
    with pytest.raises(ConfigError, match=re.escape(error)):
        plan(teams, **changes)


def weights_by_seed(folder, seeds) -> dict[int, str]:
    game = Game.of(*plan({}).missions.values())
    files = {seed: str(folder / f"run-{seed}.st") for seed in seeds}
    for number, file in enumerate(files.values()):
        network = Stateless(game)
        network.critic.bias.data.fill_(float(number))
        network.save(file)
    return files


def test_members_of_a_team_have_the_same_training_seed(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    policies = [
        {"name": "a", "class_path": "stateless", "data_paths": weights_by_seed(first, [1, 2, 7])},
        {"name": "b", "class_path": "stateless", "data_paths": weights_by_seed(second, [2, 9, 1])},
        "random",
    ]
    made = plan({"cross_play": True}, policies=policies)
    seeds_by_label: dict[str, list] = {}
    for name, team in made.teams.items():
        seeds = [member.instance.training_seed for member in team.members]
        seeds_by_label.setdefault(made.labels[name], []).append(seeds)
    assert seeds_by_label == {
        "a + b": [[1, 1], [2, 2]],
        "a + random": [[1, None], [2, None], [7, None]],
        "b + random": [[2, None], [9, None], [1, None]],
    }


def test_a_team_needs_a_common_training_seed(tmp_path):
    files = weights_by_seed(tmp_path, [7])
    policies = [{"name": "a", "class_path": "stateless", "data_paths": files}, "stateless"]
    with pytest.raises(ConfigError, match=r"in the team a \+ stateless, the policies have no"):
        plan({"cross_play": True}, policies=policies)
