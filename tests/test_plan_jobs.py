"""Trainings and evaluations are dealt out to jobs."""

import pytest

from daf.config import ConfigError
from daf.plan import Plan
from tests.plans import plan


def test_trainings_are_dealt_out_to_jobs_in_their_order():
    """Not those that go on from each other's state: in one job they would wait for each other."""
    steady = {"class_path": "stateless", "training": {"anneal": False}}
    longer = steady | {"name": "longer", "training": {"anneal": False, "steps": 5_000_000}}
    asked = {"policies": [steady, longer, "lstm"], "training_seeds": [1, 2, 3, 4, 5, 6, 7]}
    made = plan(**asked, execution={"runs_per_job": 3})
    lstm = [name for name, run in made.runs.items() if run.policy == "lstm"]
    groups = list(dict.fromkeys(made.colocated.values()))
    assert groups == [tuple(lstm[:3]), tuple(lstm[3:6])], "the last one has a job of its own"
    assert made.colocated[lstm[4]] == groups[1]
    alone = plan(**asked)
    assert not alone.colocated and list(alone.runs) == list(made.runs)


def test_a_training_is_shared_by_processes_or_shares_a_job():
    with pytest.raises(ConfigError, match=r"population: got 3, with ranks: 2; .* has to be 1"):
        plan(execution={"runs_per_job": 3, "ranks": 2})


def jobs(made: Plan) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The players of each job of several, and their missions."""
    return [(cast.policies, cast.missions) for cast in made.evaluation_batches() if cast.one_job]


def test_players_are_dealt_out_to_jobs_in_their_order():
    missions = ("assembler_1", "assembler_2")
    asked = {"missions": list(missions), "training_seeds": [1, 2, 3, 4]}
    (everybody,) = plan(**asked).evaluation_batches()
    assert (everybody.missions, everybody.policies, everybody.one_job) == (missions, (), False)
    a, b, c, d, fixed = plan(**asked).policies

    def dealt(runs=(), evaluations=(), size=2):
        missing = {"runs": list(runs), "evaluations": list(evaluations)}
        return plan(**asked, execution={"policies_per_job": size}, missing=missing)

    assert jobs(dealt()) == [((a, b), missions), ((c, d), missions)], (
        "the last has a job of its own"
    )
    assert dealt().evaluation_batches()[0] == everybody
    assert jobs(dealt(size=9)) == [((a, b, c, d, fixed), missions)]
    assert jobs(dealt(runs=[a])) == [((c, d), missions)], "the others stay where they are"
    assert jobs(dealt(runs=[b], size=3)) == [((a, c), missions), ((d, fixed), missions)]
    lacking = [f"{name}/assembler_1" for name in (b, c)]
    assert jobs(dealt(evaluations=lacking, size=4)) == [((a, d), missions), ((b, c), missions[1:])]
    alone = dealt(evaluations=lacking).evaluation_batches()
    assert [(cast.policies, cast.missions) for cast in alone] == [
        ((), missions),
        ((b, c), missions[1:]),
    ]
    nothing = [f"{a}/{mission}" for mission in missions]
    assert jobs(dealt(evaluations=nothing)) == [((c, d), missions)]
    assert len({cast.job for cast in dealt().evaluation_batches() if cast.one_job}) == 2
