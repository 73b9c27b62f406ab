"""The teams of a configuration: who plays in them, what they are called, what is asked of them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daf.config import BenchmarkConfig, ConfigError
from daf.plan import Plan, make_plan
from daf.plan.contestants import apportion, team_label
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


def test_worked_example_of_the_largest_remainder():
    # The example of the article "Largest remainder method": 100 000 votes, 10 seats, Hare quota.
    assert apportion(10, [47_000, 16_000, 15_800, 12_000, 6_100, 3_100]) == [5, 2, 1, 1, 1, 0]


@pytest.mark.parametrize("agents, shares, expected", [
    (8, [3, 5], [3, 5]),
    (4, [1, 1, 1], [2, 1, 1]),
    (3, [1, 2], [1, 2]),
    (1, [1, 1], [1, 0]),
    (5, [0, 2], [0, 5]),
    (0, [1], [0]),
])  # fmt: skip
def test_seats(agents, shares, expected):
    assert apportion(agents, shares) == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 200), st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any))
def test_every_policy_gets_its_quota_rounded_up_or_down(agents, shares):
    found = apportion(agents, shares)
    assert sum(found) == agents
    for share, count in zip(shares, found):
        quota = agents * share / sum(shares)
        assert quota - 1 < count < quota + 1


def test_without_questions_there_are_no_teams():
    made = plan({})
    assert (made.teams, made.team_questions) == ({}, None)
    assert made.evaluations() == plan({"mixed": []}).evaluations()


def test_a_team_for_each_training_seed_and_one_of_fixed_policies():
    made = plan({"cross_play": True})
    first, second = made.runs
    members = [made.members(name) for name in made.teams]
    assert members == [
        [first, "baseline"], [second, "baseline"], [first, "random"], [second, "random"],
        ["baseline", "random"],
    ]  # fmt: skip
    assert [team.training_seed for team in made.teams.values()] == [1, 2, 1, 2, None]
    assert [made.weights_files(name) for name in made.teams] == [
        [made.weights_file(run)] for run in (first, second, first, second)
    ] + [[]]
    assert list(made.teams) == [team.name for team in made.teams.values()]
    assert [made.labels[name] for name in made.teams][::2] == [
        "stateless + baseline", "stateless + random", "baseline + random"
    ]  # fmt: skip
    for name in made.teams:
        assert re.fullmatch(r"team-[a-z-]+(-s[12])?-[0-9a-f]{8}", name)
    (trained, fixed) = made.teams[next(iter(made.teams))].members
    assert [m.name for m in trained.trained_on] == list(made.missions) and fixed.trained_on == ()


def test_the_same_team_is_played_once_whatever_asks_for_it():
    asked = {"mixed": [{"random": 0.5, "baseline": 0.5}], "replacement": "random"}
    made = plan(asked | {"cross_play": True})
    assert set(made.teams) == set(plan({"cross_play": True}).teams)
    assert made.team_questions["mixed"] == ["baseline + random"]
    assert made.team_questions["valued"] == {
        "stateless": "stateless + random", "baseline": "baseline + random"
    }  # fmt: skip
    assert made.team_questions["pairs"]["baseline + random"] == ["baseline", "random"]


def test_a_name_follows_from_players_and_shares_and_nothing_else():
    def name(shares, **changes):
        return next(iter(plan({"mixed": [shares]}, **changes).teams))

    whole = name({"baseline": 0.75, "random": 0.25})
    assert whole == name({"random": 1, "baseline": 3}, missions=["assembler_2"], name="x")
    named = [{"class_path": "baseline", "name": "other"}, "random"]
    assert whole == name({"other": 3, "random": 1}, policies=named)
    assert whole != name({"baseline": 0.5, "random": 0.5})
    one = name({"stateless": 1, "random": 1})
    assert one != name({"stateless": 1, "random": 1}, training={"gamma": 0.9})


def test_shares_become_agents_by_mission():
    made = plan({"mixed": [{"random": 0.1, "baseline": 0.1, "stateless": 0.2}]})
    (label,) = made.team_questions["mixed"]
    assert label == "2 stateless + 1 baseline + 1 random"
    assert made.team_questions["teams"][label]["assembler_2"] == {
        "stateless": 2, "baseline": 1, "random": 1
    }  # fmt: skip
    assert team_label([("a", 2), ("b", 2)]) == "a + b"


def test_teams_are_evaluated_beside_the_players():
    made = plan({"replacement": "random"}, evaluation={"episodes": 3})
    cells = made.evaluations()
    assert [cell for cell in cells if cell[0] in made.policies] == plan({}).evaluations()
    assert len(cells) == 2 * (4 + 3)
    name = list(made.teams)[-1]
    assert made.episodes_file(name, "assembler_2").endswith(
        f"evaluations/{name}-e3-w0/assembler_2.parquet"
    )
    assert any(name in file for file in made.report_replays())
    assert made.contestant(name).policy == "baseline + random"
    assert made.contestant("random") is made.policies["random"]


def test_a_team_is_missing_with_its_member():
    asked = {"replacement": "random"}
    whole = plan(asked)
    first, _ = whole.runs
    lost = f"{list(whole.teams)[-1]}/assembler_2"
    part = plan(asked, missing={"runs": [first], "evaluations": [lost]})
    missing = {(entry["policy"], entry["run"], entry["mission"]) for entry in part.missing()}
    team = next(iter(whole.teams))
    assert first in whole.members(team)
    assert missing == {
        ("stateless", first, "assembler_2"), ("stateless", first, "training_facility_1"),
        ("stateless + random", team, "assembler_2"),
        ("stateless + random", team, "training_facility_1"),
        ("baseline + random", list(whole.teams)[-1], "assembler_2"),
    }  # fmt: skip
    everybody = [f"{p}/{m}" for p in whole.policies for m in whole.missions]
    with pytest.raises(ConfigError, match="leaves no evaluation to compare"):
        plan(asked, missing={"evaluations": everybody})


def test_given_weights_are_known_by_their_content(tmp_path):
    made = plan({})
    file = tmp_path / "mine.safetensors"
    Stateless(Game.of(*made.missions.values())).save(file)
    policies = [{"class_path": "stateless", "data_path": str(file), "name": "mine"}, "random"]
    asked = plan({"cross_play": True}, policies=policies)
    (team,) = asked.teams.values()
    assert asked.weights_files(team.name) == [str(file)]
    assert (
        team.members[0].weights_file({"other": "0", "elsewhere": team.members[0].weights})
        == "elsewhere"
    )
    assert team.training_seed is None


def test_the_code_of_all_members_decides():
    (team, *_) = plan({"cross_play": True}).teams.values()
    assert team.modules() == ["daf.policies.baseline", "daf.policies.stateless"]


@pytest.mark.parametrize("teams, changes, said", [
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
def test_teams_that_cannot_be(teams, changes, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        plan(teams, **changes)
