"""Runs of one policy on different missions are told apart in the report."""

from daf.jobs.training_groups import RunMissions, name_training_group_by_run
from daf.report.cells import format_independent_unit_count
from daf.report.learning_section import (
    PolicyNote,
    describe_imitation,
    describe_reward_shaping,
    join_equal_notes,
)
from daf.report.result_section import describe_mission_winners
from daf.report.run_tables import training_settings_by_policy_table

IMITATION = {"teacher": "baseline", "teacher_steps": 100, "steps": 100}


def run(name: str, policy: str, missions: list[str], **training) -> dict:
    return {"run": name, "policy": policy, "missions": missions, "training": training}


RUNS = [
    run("lstm-s1-a", "lstm", ["hall"], **IMITATION, shaping={}),
    run("lstm-s1-b", "lstm", ["room@1-9"], steps=200, shaping={"made_heart": 0.3}),
    run("wide-s1-c", "wide", ["hall", "room"], steps=300),
    run("wide-s2-d", "wide", ["hall", "room"], steps=300),
]


def names_of_groups() -> dict[str, str]:
    return name_training_group_by_run(
        [RunMissions(run["run"], run["policy"], run["missions"]) for run in RUNS]
    )


def test_names_of_groups():
    assert names_of_groups() == {
        "lstm-s1-a": "lstm on hall",
        "lstm-s1-b": "lstm on room@1-9",
        "wide-s1-c": "wide",
        "wide-s2-d": "wide",
    }
    assert name_training_group_by_run([]) == {}


def test_one_note_for_policies_with_the_same_text():
    notes = [PolicyNote("a", "x"), PolicyNote("b", "y"), PolicyNote("c", "x")]
    assert join_equal_notes(notes) == [PolicyNote("a, c", "x"), PolicyNote("b", "y")]
    assert join_equal_notes([]) == []


def test_notes_and_settings_of_groups():
    names = names_of_groups()
    grouped = [item | {"policy": names[item["run"]]} for item in RUNS]
    (imitation,) = describe_imitation(grouped)
    assert imitation.policy_names == "lstm on hall"
    assert describe_reward_shaping(grouped) == [("lstm on room@1-9", "made_heart = 0.3")]
    table = training_settings_by_policy_table(grouped)
    assert table.columns == ["Setting", "lstm on hall", "lstm on room@1-9", "wide"]
    (steps,) = [row for row in table.rows if row[0].text == "steps"]
    assert [cell.text for cell in steps[1:]] == ["100", "200", "300"]


def test_decided_winners_of_single_missions():
    verdicts = {
        "hall": {"best_policy": "baseline", "decided": True},
        "room": {"best_policy": "lstm", "decided": False},
        "way": {"best_policy": "lstm", "decided": True},
    }
    stats = {"missions": sorted(verdicts), "mission_verdicts": verdicts}
    assert describe_mission_winners(stats) == (
        "Decided best policies of single missions: baseline on hall; lstm on way."
    )
    undecided = {"missions": ["room", "x"], "mission_verdicts": {"room": verdicts["room"]}}
    assert describe_mission_winners(undecided) == (
        "On no single mission is the best policy decided."
    )
    assert describe_mission_winners({"missions": ["hall"], "mission_verdicts": verdicts}) is None


def test_number_of_seeds_with_separate_runs():
    """5 seeds on 2 missions are 10 runs, but 5 training seeds."""
    estimate = {"unit": "training_seed", "n_units": 10, "n_training_seeds": 5}
    assert format_independent_unit_count(estimate) == "5 training seeds for each mission"
    assert format_independent_unit_count(estimate | {"n_units": 5}) == "5 training seeds"
    assert (
        format_independent_unit_count({"unit": "episode", "n_units": 1, "n_training_seeds": 0})
        == "1 episode"
    )
