"""State of a sweep in a results folder: rounds, runs and checks."""

import json
from pathlib import Path

import pytest

from daf.config import BenchmarkConfig, ConfigError
from daf.plan import make_plan
from daf.sweep.state import SweepPlan

from .sweeps import GRID, RANGES, sweep


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def runs(**changes) -> set[str]:
    return set(SweepPlan(sweep(**changes)).plan.runs)


def propose(state: SweepPlan, number: int, *trials: tuple[str, dict], **changes) -> None:
    path = Path(state.round_trials_file(number) if number else state.finalists_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"search": state.digest, "trials": [{"trial": n, "values": v} for n, v in trials]}
    path.write_text(json.dumps(content | changes))


def test_new_value_keeps_other_trials():
    wider = runs(search_space=GRID | {"hidden_size": [8, 16, 32]})
    assert runs() < wider and (len(runs()), len(wider)) == (4, 6)


def test_keys_that_do_not_change_runs():
    changes = [{"keep_best": 1}, {"name": "other"}, {"confirmation": {"training_seeds": []}},
               {"objective_metric": "moves"}, {"optimize_direction": "minimize"}]  # fmt: skip
    assert all(runs(**change) == runs() for change in changes)
    halving = {"strategy": "halving", "num_training_steps": 9000}
    assert runs(**halving) != runs(**halving, eta=2), "other steps give other runs"


def test_trial_equals_the_run_of_a_benchmark():
    (run,) = runs(search_space={"clip": [0.3]})
    plain = BenchmarkConfig.parse(
        {"policies": [{"class_path": "stateless", "training": {"clip": 0.3}}],
         "missions": ["assembler_1"], "training_seeds": [1]}, "x")  # fmt: skip
    assert list(make_plan(plain).runs) == [run]


def test_rungs_of_halving_extend_one_run():
    halving = {"strategy": "halving", "search_space": {"clip": [0.1, 0.2, 0.3]}}
    search = SweepPlan(sweep(**halving, num_training_steps=9000))
    propose(search, 1, ("clip-0.2", {"clip": 0.2}))
    search.reload_proposed_trials()
    first = next(r for r in search.rounds[0].plan.runs.values() if r.training.clip == 0.2)
    (last,) = search.rounds[1].plan.runs.values()
    assert first.training.steps == 3000 and first.training.is_extendable
    assert last.training.steps == 9000 and not last.training.is_extendable
    assert first.resume_identity() == last.resume_identity()
    assert last.name in runs(search_space={"clip": [0.2]}, num_training_steps=9000)


def test_rounds_are_read_when_proposed():
    search = SweepPlan(sweep(search_space=RANGES, strategy="bayesian", num_trials=8))
    assert (len(search.rounds), len(search.plan.runs), search.steps_per_run_by_round) == (
        1,
        4,
        [4_000_000] * 2,
    )
    values = {"learning_rate": 0.01, "entropy_coef": 0.01, "clip": 0.2, "hidden_size": 32}
    propose(search, 1, ("one", values))
    search.reload_proposed_trials()
    assert len(search.plan.runs) == 5 and len(search.episodes_files_of_first_rounds(2)) == 5
    propose(search, 0, ("one", values), best_run="stateless-s1-x")
    search.reload_proposed_trials()
    assert (
        len(search.plan.runs) == 10
        and len(search.confirmation.episode_tables_except_missing()) == 5
    )
    assert {run.training_seed for run in search.confirmation.runs.values()} == set(range(101, 106))
    assert search.best_run == "stateless-s1-x"
    assert [entry["trial"] for entry in search.confirmation_trial_runs()] == ["one"]
    again = SweepPlan(search.sweep)
    assert set(again.plan.runs) == set(search.plan.runs)


def test_proposals_of_another_search_are_ignored():
    search = SweepPlan(sweep(search_space=RANGES, strategy="bayesian", num_trials=8))
    propose(search, 1, ("one", {"clip": 0.2}), search="0" * 64)
    search.reload_proposed_trials()
    assert len(search.rounds) == 1
    propose(search, 1, ("one", {"clip": 0.2}))
    Path(search.round_trials_file(1)).write_text('{"search": 3}')
    with pytest.raises(ConfigError, match=r"rounds/1.json: key 'search': got 3; .*; remove it"):
        search.reload_proposed_trials()


def test_failed_runs_are_omitted():
    search = SweepPlan(sweep())
    run = next(iter(search.plan.runs))
    partly = SweepPlan(sweep(missing={"runs": [run]}))
    assert (
        len(partly.episodes_files_of_first_rounds(1))
        == len(search.episodes_files_of_first_rounds(1)) - 1
    )
    failed = [entry["failed"] for entry in partly.rounds[0].trial_runs()]
    assert sorted(failed) == [[], [], [], [run]]


@pytest.mark.parametrize("missing", [
    {"runs": ["x"]},
    {"runs": ["stateless-s1-00000000"]},
    {"evaluations": ["stateless-s3-00000000/assembler_1"]},
])  # fmt: skip
def test_invalid_missing_runs(missing):
    with pytest.raises(ConfigError, match=r"key 'missing': got '(x|stateless-s[13]-00000000)'; "):
        SweepPlan(sweep(missing=missing))
    if "s1" in f"{missing}":
        later = sweep(missing=missing, strategy="bayesian", search_space=RANGES)
        assert SweepPlan(later).plan.runs, "it may be one of a later round"


def test_unknown_objective():
    with pytest.raises(ConfigError, match=r"key 'objective_metric': got 'scor', .*did you mean"):
        SweepPlan(sweep(objective_metric="scor"), "s.yaml")


def test_entries_have_the_steps_of_each_trial():
    search = SweepPlan(sweep(search_space={"steps": [4096, 8192]}))
    assert [entry["steps"] for entry in search.trial_runs_by_round(1)[0]] == [4096, 8192]


def test_policy_without_weights_is_rejected():
    Path("mine.py").write_text(
        "from daf.policies import Policy\n"
        "class Fixed(Policy):\n"
        "    def __init__(self, game, device='cpu', pace=1):\n"
        "        super().__init__(game, device)\n"
        "    def act(self, observations, state):\n"
        "        raise NotImplementedError\n"
    )
    changes = {"policy_class_path": "mine.py:Fixed", "search_space": {"pace": [1, 2]}}
    with pytest.raises(ConfigError, match=r"s\.yaml: key 'policy_class_path': got \"mine.py:Fixed"):
        SweepPlan(sweep(**changes), "s.yaml")
