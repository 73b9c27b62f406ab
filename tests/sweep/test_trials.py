"""Which trials a sweep has, and which of them wins."""

import itertools

import pandas as pd
import pytest
import yaml

from daf.config import BenchmarkConfig, ConfigError, DAFSweepConfig
from daf.plan import make_plan
from daf.sweep import as_benchmark, trials_of
from daf.sweep.select import select

SPACE = {"learning_rate": [0.0001, 0.001], "hidden_size": [8, 16], "anneal": [True]}


def sweep(**changes) -> DAFSweepConfig:
    data = {
        "name": "s",
        "policy_class_path": "stateless",
        "missions": ["assembler_1"],
        "search_space": SPACE,
    }
    return DAFSweepConfig.parse(data | changes, "sweep.yaml")


def test_a_grid_is_every_combination():
    values = [trial.values for trial in trials_of(sweep())]
    expected = [dict(zip(SPACE, point)) for point in itertools.product(*SPACE.values())]
    assert values == expected
    assert len({trial.name for trial in trials_of(sweep())}) == 4


def test_values_reach_training_and_network():
    plan = make_plan(as_benchmark(sweep()))
    found = {
        (run.training.learning_rate, run.init_kwargs["hidden_size"], run.training.anneal)
        for run in plan.runs.values()
    }
    assert found == set(itertools.product(*SPACE.values()))


def test_a_new_value_leaves_the_other_trials_alone():
    before = make_plan(as_benchmark(sweep())).runs
    wider = make_plan(as_benchmark(sweep(search_space=SPACE | {"hidden_size": [8, 16, 32]}))).runs
    assert set(before) < set(wider) and len(wider) == 6


def test_a_trial_is_the_run_of_a_benchmark_with_its_values():
    (run,) = make_plan(as_benchmark(sweep(search_space={"clip": [0.3]}))).runs
    plain = BenchmarkConfig.parse(
        {"policies": [{"class_path": "stateless", "training": {"clip": 0.3}}],
         "missions": ["assembler_1"], "training_seeds": [1]}, "x")  # fmt: skip
    assert list(make_plan(plain).runs) == [run]


def test_names_are_readable_or_a_hash():
    assert [t.name for t in trials_of(sweep(search_space={"clip": [0.1, 0.25]}))] == [
        "clip-0.1",
        "clip-0.25",
    ]
    (odd,) = trials_of(sweep(search_space={"shaping": [{"made_heart": 1.0}]}))
    assert odd.name.startswith("trial-")


@pytest.mark.parametrize("changes, said", [
    ({"strategy": "bayes"}, "key 'strategy': got \"bayes\"; accepted: grid"),
    ({"search_space": {}}, "key 'search_space'"),
    ({"search_space": {"clip": []}}, "key 'search_space.clip'"),
    ({"search_space": {"clip": 0.1}}, "key 'search_space.clip': got 0.1; should be a list"),
    ({"search_space": {"clip": [0.1, 0.1]}}, "0.1 stands twice under 'clip'"),
    ({"search_space": {"missions": [["a"]]}}, "key 'missions' sets it"),
    ({"search_space": {"steps": [9]}, "num_training_steps": 3}, "key 'num_training_steps' sets it"),
    ({"training": {"missions": ["assembler_1"]}}, "'training.missions' has no place in a sweep"),
    ({"num_trails": 3}, "unknown key 'num_trails'"),
    ({"policy_class_pth": "x"}, "did you mean 'policy_class_path'?"),
    ({"optimize_direction": "max"}, "got \"max\"; accepted: maximize, minimize"),
    ({"keep_best": 0}, "key 'keep_best': got 0"),
])  # fmt: skip
def test_sweeps_that_cannot_be(changes, said):
    with pytest.raises(ConfigError) as caught:
        sweep(**changes)
    assert said in str(caught.value) and str(caught.value).startswith("sweep.yaml: ")


def test_too_many_trials():
    space = {name: list(range(1, 11)) for name in ("worlds", "epochs", "steps", "minibatches")}
    assert len(trials_of(sweep(search_space=space))) == 10_000
    with pytest.raises(ConfigError, match="50000 trials; at most 10000"):
        trials_of(sweep(search_space=space | {"rollout_length": [1, 2, 3, 4, 5]}))


RATES = {"clip": [0.1, 0.2, 0.3]}
SCORES = {  # trial -> run -> mission -> scores of episodes
    "clip-0.1": {"a1": {"m": [1, 3], "n": [10]}, "a2": {"m": [4, 4], "n": [0]}},
    "clip-0.2": {"b1": {"m": [5, 5], "n": [1]}, "b2": {"m": [0, 0], "n": [1]}},
    "clip-0.3": {"c1": {"m": [90, 90], "n": [90]}, "c2": {"m": [90, 90]}},
}
LABELS = {run: trial for trial, runs in SCORES.items() for run in runs}


def table() -> pd.DataFrame:
    rows = [
        {"policy": "stateless", "run": run, "mission": mission, "episode": i, "score": float(score)}
        for runs in SCORES.values()
        for run, missions in runs.items()
        for mission, scores in missions.items()
        for i, score in enumerate(scores)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


@pytest.mark.parametrize("direction, best, run", [
    ("maximize", "clip-0.1", "a1"),  # (3 + 5) / 2 beats (2.5 + 1) / 2
    ("minimize", "clip-0.2", "b2"),
])  # fmt: skip
def test_the_best_of_those_that_succeeded(direction, best, run):
    missing = [{"policy": "clip-0.3", "run": "c2", "mission": "n"}]
    config = sweep(search_space=RATES, optimize_direction=direction, training_seeds=[1, 2])
    selected = select(config, table(), LABELS, missing)
    assert (selected.best["trial"], selected.best["run"]) == (best, run)
    assert selected.best["hyperparameters"] == {"clip": float(best[5:])}
    trials = selected.trials.set_index("trial")
    assert trials["objective"]["clip-0.1"] == 4.0 and trials["objective"]["clip-0.2"] == 1.75
    assert trials["status"]["clip-0.3"] == "failed" and pd.isna(trials["rank"]["clip-0.3"])
    assert selected.trials["trial"].iloc[-1] == "clip-0.3"


def test_the_best_configuration_can_be_trained_again():
    selected = select(sweep(search_space=RATES), table(), LABELS, [])
    data = yaml.safe_load(selected.config_yaml())
    again = make_plan(BenchmarkConfig.parse(data, "best_config.yaml")).runs
    trials = make_plan(as_benchmark(sweep(search_space=RATES))).runs
    assert selected.best["trial"] == "clip-0.3" and set(again) < set(trials)


def test_an_objective_that_is_none():
    with pytest.raises(ConfigError, match="key 'objective_metric': got 'scor'; did you mean"):
        select(sweep(search_space=RATES, objective_metric="scor"), table(), LABELS, [])


def test_a_sweep_of_which_every_trial_failed():
    missing = [{"policy": trial, "run": "", "mission": ""} for trial in SCORES]
    with pytest.raises(ConfigError, match="every trial of the sweep failed"):
        select(sweep(search_space=RATES), table(), LABELS, missing)
