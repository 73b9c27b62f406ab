"""Assignment of runs and evaluations to jobs."""

import pytest

from daf.config import ConfigError
from daf.plan import Plan
from tests.plans import plan


def test_runs_are_assigned_to_jobs_in_order():
    """Runs that share a resume state have separate jobs: in one job they would deadlock."""
    steady = {"class_path": "stateless", "training": {"anneal": False}}
    longer = steady | {"name": "longer", "training": {"anneal": False, "steps": 5_000_000}}
    config = {"policies": [steady, longer, "lstm"], "training_seeds": [1, 2, 3, 4, 5, 6, 7]}
    made = plan(**config, execution={"runs_per_job": 3})
    lstm = [name for name, run in made.runs.items() if run.policy == "lstm"]
    groups = list(dict.fromkeys(made.colocated.values()))
    assert groups == [tuple(lstm[:3]), tuple(lstm[3:6])], "the last run has its own job"
    assert made.colocated[lstm[4]] == groups[1]
    separate = plan(**config)
    assert not separate.colocated and list(separate.runs) == list(made.runs)


def test_ranks_and_colocated_runs_exclude_each_other():
    with pytest.raises(ConfigError, match=r"runs_per_job: got 3 with ranks: 2; expected 1"):
        plan(execution={"runs_per_job": 3, "ranks": 2})


def jobs(made: Plan) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return policies and missions of each job with several policies."""
    return [
        (group.contestants, group.missions)
        for group in made.group_contestants_by_missions()
        if group.is_one_job
    ]


def test_evaluations_are_assigned_to_jobs_in_order():
    missions = ("assembler_1", "assembler_2")
    config = {"missions": list(missions), "training_seeds": [1, 2, 3, 4]}
    (single,) = plan(**config).group_contestants_by_missions()
    assert (single.missions, single.contestants, single.is_one_job) == (missions, (), False)
    a, b, c, d, fixed = plan(**config).policies

    def assigned(runs=(), evaluations=(), size=2):
        missing = {"runs": list(runs), "evaluations": list(evaluations)}
        return plan(**config, execution={"policies_per_job": size}, missing=missing)

    assert jobs(assigned()) == [((a, b), missions), ((c, d), missions)], (
        "the last policy has its own job"
    )
    assert assigned().group_contestants_by_missions()[0] == single
    assert jobs(assigned(size=9)) == [((a, b, c, d, fixed), missions)]
    assert jobs(assigned(runs=[a])) == [((c, d), missions)], "other jobs do not change"
    assert jobs(assigned(runs=[b], size=3)) == [((a, c), missions), ((d, fixed), missions)]
    missing = [f"{name}/assembler_1" for name in (b, c)]
    assert jobs(assigned(evaluations=missing, size=4)) == [
        ((a, d), missions),
        ((b, c), missions[1:]),
    ]
    groups = assigned(evaluations=missing).group_contestants_by_missions()
    assert [(group.contestants, group.missions) for group in groups] == [
        ((), missions),
        ((b, c), missions[1:]),
    ]
    all_of_a = [f"{a}/{mission}" for mission in missions]
    assert jobs(assigned(evaluations=all_of_a)) == [((c, d), missions)]
    assert (
        len(
            {
                group.job_name
                for group in assigned().group_contestants_by_missions()
                if group.is_one_job
            }
        )
        == 2
    )
