"""Teacher of runs with `teacher: auto`, the default."""

import pytest

from daf.config.yaml12 import dump_yaml
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


COMMON_RECIPE = {"formations": [["any"]], "inputs": {"energy": 3}, "outputs": {"heart": 1}}
LARGE_RECIPE = COMMON_RECIPE | {"formations": [["any"] * 5]}
CARBON_RECIPE = COMMON_RECIPE | {"inputs": {"carbon": 3}}


@pytest.mark.parametrize("recipes, has_teacher", [
    ([CARBON_RECIPE], True),
    ([COMMON_RECIPE, CARBON_RECIPE], True),  # the later recipe overrides the earlier one
    ([CARBON_RECIPE, COMMON_RECIPE], False),
    ([CARBON_RECIPE, LARGE_RECIPE], True),  # one agent cannot form it
    ([COMMON_RECIPE | {"outputs": {}}], False),  # no hearts
])  # fmt: skip
def test_recipes_that_agents_can_use_decide(recipes, has_teacher, tmp_path):
    recipes = [recipe | {"cooldown": 1} for recipe in recipes]
    stations = {"assembler": {"recipes": recipes}}
    mission = {"stations": stations, "map": ["#####", "#@&=#", "#####"]}
    path = tmp_path / "mine.yaml"
    path.write_text(dump_yaml(mission))
    assert (settings_of_run(str(path))["teacher"] == "baseline") is has_teacher


def test_shaping_by_zero_is_no_shaping():
    settings = settings_of_run("training_facility_1", shaping={"made_heart": 0.0})
    assert settings["teacher"] == "baseline"


def test_cloning_without_annealing_continues_to_more_steps():
    def resume_key(steps: int, **training) -> dict:
        training |= {"steps": steps, "anneal": False}
        made = plan(policies=["lstm"], missions=["training_facility_1"], training=training)
        return next(iter(made.runs.values())).resume_identity()

    assert resume_key(1000) == resume_key(2000)
    dagger = {"teacher": "baseline", "teacher_steps": 1000}
    assert resume_key(1000, **dagger) != resume_key(1000, **dagger, final_teacher_share=1.0)
    falling = dagger | {"teacher_steps": 2000}
    assert resume_key(1000, **dagger) != resume_key(1000, **falling)


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
