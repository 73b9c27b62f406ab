"""Missions of the tests: short episodes, both kinds of ends, several layouts."""

from daf.missions import Mission, load_mission


def short_mission(name: str, truncates: bool = False) -> Mission:
    """Return a mission with episodes of 30 steps and a penalty, so that rewards differ."""
    changes = {"max_steps": 30, "truncates": truncates, "failure_penalty": 0.25}
    return load_mission(name).model_copy(update=changes)


SINGLE = short_mission("assembler_1")
SINGLE_TRUNCATED = short_mission("assembler_1", truncates=True)
MULTI = short_mission("assembler_2")
MULTI_TRUNCATED = short_mission("assembler_2", truncates=True)
LAYOUTS = short_mission("training_facility_1_shuffled@1-10")
MULTI_MISSIONS = [MULTI, MULTI_TRUNCATED, LAYOUTS]
SINGLE_MISSIONS = [SINGLE, SINGLE_TRUNCATED, short_mission("assembler_1@1-10")]
