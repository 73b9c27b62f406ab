"""Trials proposed by each search strategy."""

from itertools import pairwise
from statistics import fmean

import pytest
from scipy.stats import kstest, qmc

from daf.config import ConfigError
from daf.sweep.propose import (
    num_trials_by_round,
    propose_first_round,
    propose_next_round,
    total_steps_per_run_by_round,
)
from daf.sweep.trials import Outcome

from .sweeps import GRID, RANGES, landscape, run_search, sweep


@pytest.mark.parametrize("strategy", ["random", "sobol", "bayesian", "halving"])
def test_equal_seeds_propose_equal_trials(strategy):
    config = sweep(search_space=RANGES, strategy=strategy, num_trials=20)
    trials = [[o.trial for r in run_search(c, landscape) for o in r] for c in (config, config)]
    assert trials[0] == trials[1]
    other_seed = sweep(search_space=RANGES, strategy=strategy, num_trials=20, seed=1)
    assert [o.trial for r in run_search(other_seed, landscape) for o in r] != trials[0]


@pytest.mark.parametrize("strategy", ["random", "sobol"])
def test_more_trials_keep_earlier_trials(strategy):
    few, many = (
        propose_first_round(sweep(search_space=RANGES, strategy=strategy, num_trials=n))
        for n in (10, 23)
    )
    assert many[:10] == few and len(many) == 23


def test_another_parameter_keeps_random_values():
    one = propose_first_round(sweep(search_space={"clip": RANGES["clip"]}, strategy="random"))
    all_ = propose_first_round(sweep(search_space=RANGES, strategy="random"))
    assert [t.values["clip"] for t in one] == [t.values["clip"] for t in all_] and len(one) == 32


def test_random_values_are_uniform_and_sobol_points_fill_the_space():
    clip = {"clip": {"min": 0.2, "max": 1.0}, "gamma": {"min": 0.2, "max": 1.0}}
    drawn = [
        [[(v - 0.2) / 0.8 for v in t.values.values()]
         for t in propose_first_round(sweep(search_space=clip, strategy=s, num_trials=256))]
        for s in ("random", "sobol")
    ]  # fmt: skip
    assert kstest([row[0] for row in drawn[0]], "uniform").pvalue > 0.01
    assert qmc.discrepancy(drawn[1]) < 0.1 * qmc.discrepancy(drawn[0])


def test_small_space_has_no_repeated_trials():
    config = sweep(strategy="random", num_trials=50)
    assert sorted(t.name for t in propose_first_round(config)) == sorted(
        t.name for t in propose_first_round(sweep())
    )
    space = {"clip": [0.1, 0.2, 0.3], "epochs": [1, 2]}
    rounds = run_search(
        sweep(search_space=space, strategy="bayesian", num_trials=50), lambda v: 1.0
    )
    assert (
        sorted(len(r) for r in rounds) == [3, 3]
        and len({o.trial.name for r in rounds for o in r}) == 6
    )


def test_names_are_unique_across_rounds():
    """A list may contain a number and its text, which need different names."""
    space = {"note": [n for number in range(8) for n in (number, f"{number}")]}
    config = sweep(search_space=space, strategy="bayesian", num_trials=16)
    trials = [o.trial for r in run_search(config, lambda v: 1.0) for o in r]
    assert len(trials) == len({trial.name for trial in trials}) == 16


def test_conditional_parameters():
    space = {
        "net": ["a", "b"],
        "memory": {"min": 1, "max": 64, "int": True, "log": True, "when": {"net": "b"}},
        "rate": {"min": 0.0, "max": 1.0, "step": 0.01},
    }
    config = sweep(search_space=space, strategy="bayesian", num_trials=40)
    points = [
        o.trial.values
        for r in run_search(config, lambda v: v.get("memory", 0) - 64 * abs(v["rate"] - 0.3))
        for o in r
    ]
    assert all(("memory" in v) == (v["net"] == "b") for v in points)
    late = points[24:]
    assert fmean(v["net"] == "b" for v in late) > 0.8, "the model prefers the better network"


def test_halving():
    config = sweep(search_space=RANGES, strategy="halving", num_trials=20, num_training_steps=8100)
    assert num_trials_by_round(config) == [20, 6, 2, 1] and total_steps_per_run_by_round(
        config
    ) == [
        300,
        900,
        2700,
        8100,
    ]
    rounds = run_search(config, landscape)
    for earlier, later in pairwise(rounds):
        ranked = sorted(earlier, key=lambda o: -o.objective)
        assert [o.trial for o in later] == [o.trial for o in ranked[: len(later)]]


def test_halving_of_a_grid_and_its_keys():
    whole = sweep(strategy="halving")
    assert [t.values for t in propose_first_round(whole)] == [
        t.values for t in propose_first_round(sweep())
    ]
    space = {"clip": [n / 100 for n in range(1, 28)]}
    assert num_trials_by_round(sweep(strategy="halving", search_space=space)) == [27, 9, 3, 1]
    assert num_trials_by_round(sweep(strategy="halving", search_space=space, eta=2, rungs=3)) == [
        27,
        13,
        6,
    ]


def test_failed_trials_do_not_survive():
    space = {"clip": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
    config = sweep(strategy="halving", search_space=space, eta=2, optimize_direction="minimize")
    rounds = run_search(config, lambda v: None if v["clip"] < 0.35 else v["clip"])
    assert [[o.trial.values["clip"] for o in r] for r in rounds[1:]] == [[0.4, 0.5, 0.6], [0.4]]
    nothing = run_search(config, lambda v: None)
    assert [len(r) for r in nothing] == [6, 0, 0]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_model_avoids_failed_trials(direction):
    sign = 1 if direction == "maximize" else -1
    config = sweep(search_space={"clip": {"min": 0.01, "max": 1.0}}, strategy="bayesian",
                   num_trials=40, optimize_direction=direction)  # fmt: skip
    rounds = run_search(config, lambda v: None if v["clip"] > 0.5 else -sign * abs(v["clip"] - 0.2))
    late = [o for r in rounds[2:] for o in r]
    assert sum(o.objective is None for o in late) < len(late) / 4, "of the range it is half"
    history = [[Outcome(o.trial, None) for o in rounds[0]]]
    assert len(propose_next_round(config, history)) == 4, "it goes on if all of them have failed"


@pytest.mark.parametrize("changes, message", [
    ({"search_space": {"clip": {"min": 0.1, "max": 0.2}}}, "key 'search_space.clip': a grid needs"),
    ({"search_space": {n: list(range(1, 12)) for n in ("worlds", "epochs", "steps", "x")}},
     "key 'search_space': 14641 trials; at most 10000 are possible"),
])  # fmt: skip
def test_invalid_grids(changes, message):
    with pytest.raises(ConfigError) as caught:
        propose_first_round(sweep(**changes))
    assert message in str(caught.value)


@pytest.mark.parametrize("changes, message", [
    ({"strategy": "bayes"}, "key 'strategy': got \"bayes\"; did you mean 'bayesian'?"),
    ({"num_trials": 5}, "'num_trials': got 5 with strategy 'grid'"),
    ({"execution": {"policies_per_job": 2}}, "'execution.policies_per_job': got 2; expected 1 in"),
    ({"strategy": "random", "eta": 2}, "with strategy 'random'; expected null, or strategy halv"),
    ({"strategy": "sobol", "trials_per_round": 2}, "or strategy bayesian"),
    ({"strategy": "halving", "eta": 1}, "key 'eta': got 1"),
    ({"strategy": "halving", "search_space": {"steps": [1]}},
     "'steps' cannot be searched; halving sets it"),
    ({"search_space": GRID | {"steps": [9]}, "num_training_steps": 3},
     "key 'num_training_steps' sets it"),
    ({"training": {"missions": ["assembler_1"]}}, "'training.missions' is not supported"),
    ({"num_trails": 3}, "unknown key 'num_trails'; did you mean 'num_trials'?"),
    ({"policy_class_pth": "x"}, "did you mean 'policy_class_path'?"),
    ({"optimize_direction": "max"}, "got \"max\"; accepted: maximize, minimize"),
    ({"keep_best": 0}, "key 'keep_best': got 0"),
    ({"confirmation": {"training_seeds": [7, 1]}}, "got 1, which is also in 'training_seeds'"),
    ({"confirmation": {"world_seed": 0}}, "got 0, which is also 'world_seed'"),
])  # fmt: skip
def test_invalid_sweeps(changes, message):
    with pytest.raises(ConfigError) as caught:
        sweep(**changes)
    assert message in str(caught.value) and str(caught.value).startswith("sweep.yaml: ")
