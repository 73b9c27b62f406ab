"""Evaluation missions with `training` have separate runs, which play no other mission."""

import pytest

from daf.config import BenchmarkConfig, ConfigError, TrainingConfig
from daf.plan.plan import Plan
from tests.plans import plan

ROOM, ONE = "assembler_2", "assembler_1"
UNSEEN = {
    "mission": "assembler_2@8-9",
    "training": {"missions": ["assembler_2@1-7"], "steps": 4096},
}


def evaluations(made: Plan) -> set[tuple[str, str, str]]:
    """Return (label, training missions, evaluation mission) of all evaluations."""
    return {
        (
            made.labels[contestant],
            "+".join(m["name"] for m in made.training_missions(contestant)),
            mission,
        )
        for contestant, mission in made.evaluations_except_missing()
    }


def test_each_run_plays_the_mission_that_it_was_trained_for():
    made = plan(missions=[{"mission": ONE, "training": {}}, UNSEEN])
    assert evaluations(made) == {
        ("stateless", ONE, ONE),
        ("stateless", "assembler_2@1-7", "assembler_2@8-9"),
        ("random", "", ONE),
        ("random", "", "assembler_2@8-9"),
    }
    assert len(made.runs) == 4  # 2 missions, 2 seeds
    default_steps = TrainingConfig().steps
    assert {(run.missions[0].name, run.training.steps) for run in made.runs.values()} == {
        (ONE, default_steps),
        ("assembler_2@1-7", 4096),
    }
    groups = {
        (group.missions, group.contestants)
        for group in made.group_contestants_by_missions()
        if group.missions
    }
    runs_of = {
        mission: tuple(name for name, run in made.runs.items() if run.missions[0].name == trained)
        for mission, trained in ((ONE, ONE), ("assembler_2@8-9", "assembler_2@1-7"))
    }
    assert groups == {
        ((ONE, "assembler_2@8-9"), ()),
        *(((mission,), runs) for mission, runs in runs_of.items()),
    }
    assert made.declared_missing_evaluations() == []


def test_a_single_mission_with_training_is_no_restriction():
    made = plan(missions=[{"mission": ONE, "training": {"steps": 8192}}])
    assert made.restricted_missions == {}
    assert {run.training.steps for run in made.runs.values()} == {8192}


def test_one_shared_mission_beside_a_separate_one():
    made = plan(missions=[ONE, UNSEEN])
    assert ("stateless", ONE, ONE) in evaluations(made)
    assert ("stateless", "assembler_2@1-7", "assembler_2@8-9") in evaluations(made)


def test_text_form_in_the_resolved_configuration():
    config = BenchmarkConfig.parse({"policies": ["random"], "missions": [ONE, UNSEEN]}, "x")
    assert config.resolved()["missions"] == [ONE, UNSEEN]
    assert BenchmarkConfig.parse(config.resolved(), "x") == config


@pytest.mark.parametrize("missions, training, message", [
    ([ONE, ROOM, UNSEEN], {}, "has common runs for assembler_1, assembler_2 and separate runs"),
    ([{"mission": ONE, "training": {"steps": 4096}}], {"steps": 8192},
        "key 'policies.0': key 'training.steps': set here and by 'missions.0.training'"),
    ([{"mission": ONE, "training": {"stepz": 1}}], {},
        "key 'missions.0.training': unknown key 'stepz'"),
    ([{"mission": ONE, "training": {}}, {"mission": ONE, "training": {}}], {},
        "expected unique values; 'assembler_1' is repeated"),
])  # fmt: skip
def test_errors(missions, training, message):
    policies = [{"class_path": "stateless", "training": training}, "random"]
    with pytest.raises(ConfigError) as caught:
        plan(missions=missions, policies=policies)
    assert message in str(caught.value)


def test_teams_have_the_weights_of_their_mission():
    made = plan(
        missions=[{"mission": ROOM, "training": {}}, UNSEEN],
        teams={"mixed": [{"stateless": 1, "random": 1}]},
    )
    teams = {
        (name, mission) for name, mission in made.evaluations_except_missing() if name in made.teams
    }
    assert len(teams) == 4  # 2 missions, 2 seeds
    for name, mission in teams:
        trained = made.teams[name].members[0].trained_on[0].name
        assert trained == {ROOM: ROOM, "assembler_2@8-9": "assembler_2@1-7"}[mission]


def test_training_of_missions_is_checked_without_trained_policies():
    with pytest.raises(ConfigError, match=r"key 'missions\.0\.training': unknown key 'stepz'"):
        plan(policies=["random"], missions=[{"mission": ONE, "training": {"stepz": 1}}])


def test_a_shared_curriculum_does_not_apply_to_separate_runs():
    shared = {"missions": [ONE, ROOM], "curriculum": [4096, 4096], "steps": 8192}
    made = plan(missions=[{"mission": ONE, "training": {}}], training=shared)
    for run in made.runs.values():
        assert run.training.missions == (ONE,) and run.training.curriculum == ()


def test_equal_policies_on_a_single_mission():
    """PPO and `teacher: auto` are the same where `auto` chooses no teacher."""
    ppo = {"class_path": "stateless", "name": "ppo", "training": {"teacher": None}}
    missions = [
        {"mission": ONE, "training": {}},
        {"mission": "training_facility_1", "training": {}},
    ]
    with pytest.raises(ConfigError, match="'ppo' is the same as 'stateless' on assembler_1"):
        plan(policies=["stateless", ppo], missions=missions)
