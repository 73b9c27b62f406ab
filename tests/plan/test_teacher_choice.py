"""Teacher of runs with `teacher: auto`, the default."""

import pytest

from tests.plans import plan

CLONING = {
    "teacher": "baseline",
    "teacher_steps": 5000,
    "final_teacher_share": 1.0,
    "end_at_ceiling": True,
}


def settings_of_run(mission: str, **training) -> dict:
    made = plan(policies=["lstm"], missions=[mission], training={"steps": 5000, **training})
    resolved = next(iter(made.runs.values())).training.resolved()
    return {key: resolved[key] for key in CLONING}


@pytest.mark.parametrize("mission", ["training_facility_1", "machina_1"])
def test_hearts_of_gathered_resources_have_a_teacher(mission):
    assert settings_of_run(mission) == CLONING


@pytest.mark.parametrize("mission", ["assembler_2", "corridor"])
def test_hearts_of_energy_have_none(mission):
    expected = {**CLONING, "teacher": None, "teacher_steps": 0, "final_teacher_share": 0.0}
    assert settings_of_run(mission) == {**expected, "end_at_ceiling": False}


@pytest.mark.parametrize("training", [
    {"teacher": None},
    {"shaping": {"made_heart": 1.0}},
    {"missions": ["training_facility_1"], "curriculum": [5000]},
])  # fmt: skip
def test_other_help_replaces_the_teacher(training):
    settings = settings_of_run("training_facility_1", **training)
    assert settings["teacher"] is None and settings["teacher_steps"] == 0


def test_explicit_teacher_keeps_its_settings():
    explicit = {"teacher": "baseline", "teacher_steps": 64}
    settings = settings_of_run("training_facility_1", **explicit)
    assert settings == {**explicit, "final_teacher_share": 0.0, "end_at_ceiling": False}


def test_extendable_runs_share_their_imitation():
    """A longer run with the same decay steps has the same teacher steps, so it can continue."""
    [short, long] = [
        settings_of_run("training_facility_1", steps=steps, anneal_steps=9000)
        for steps in (5000, 9000)
    ]
    assert short == long and short["teacher_steps"] == 9000
