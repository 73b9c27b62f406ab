"""Runs of one policy on different missions are told apart in the report."""

from daf.report.learning_section import describe_imitation, describe_reward_shaping
from daf.report.run_tables import training_settings_table
from daf.report.training_groups import name_training_groups

IMITATION = {"teacher": "baseline", "teacher_steps": 100, "steps": 100}


def run(name: str, policy: str, missions: list[str], **training) -> dict:
    return {"run": name, "policy": policy, "missions": missions, "training": training}


RUNS = [
    run("lstm-s1-a", "lstm", ["hall"], **IMITATION, shaping={}),
    run("lstm-s1-b", "lstm", ["room@1-9"], steps=200, shaping={"made_heart": 0.3}),
    run("wide-s1-c", "wide", ["hall", "room"], steps=300),
    run("wide-s2-d", "wide", ["hall", "room"], steps=300),
]


def test_names_of_groups():
    assert name_training_groups(RUNS) == {
        "lstm-s1-a": "lstm on hall",
        "lstm-s1-b": "lstm on room@1-9",
        "wide-s1-c": "wide",
        "wide-s2-d": "wide",
    }
    assert name_training_groups([]) == {}


def test_notes_and_settings_of_groups():
    names = name_training_groups(RUNS)
    grouped = [item | {"policy": names[item["run"]]} for item in RUNS]
    (imitation,) = describe_imitation(grouped)
    assert imitation.policy == "lstm on hall"
    assert describe_reward_shaping(grouped) == [("lstm on room@1-9", "made_heart = 0.3")]
    table = training_settings_table(grouped)
    assert table.columns == ["Setting", "lstm on hall", "lstm on room@1-9", "wide"]
    (steps,) = [row for row in table.rows if row[0].text == "steps"]
    assert [cell.text for cell in steps[1:]] == ["100", "200", "300"]
