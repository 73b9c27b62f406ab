"""Search spaces: valid definitions and their points."""

import itertools
import math

import pytest

from daf.config import ConfigError, Parameter
from daf.plan import make_plan
from daf.sweep.points import build_grid, point_at_quantiles, value_at_quantile
from daf.sweep.trials import build_trials_benchmark, check_search_space, name_trials

from .sweeps import GRID, sweep

CONDITIONAL = {
    "memory": {"values": [16, 32], "when": {"net": "lstm"}},
    "net": ["stateless", "lstm"],
    "gate": {"min": 1, "max": 2, "int": True, "when": {"memory": [32]}},
}


def test_grid_has_every_combination():
    assert build_grid(sweep()) == [dict(zip(GRID, p)) for p in itertools.product(*GRID.values())]


def test_a_grid_over_steps():
    space = {
        "clip": {"min": 0.1, "max": 0.3, "step": 0.1},
        "epochs": {"min": 1, "max": 3, "int": True},
    }
    points = build_grid(sweep(search_space=space))
    assert [p["clip"] for p in points[::3]] == [0.1, 0.2, 0.3]
    assert [p["epochs"] for p in points[:3]] == [1, 2, 3] and len(points) == 9


def test_conditions():
    points = build_grid(sweep(search_space=CONDITIONAL))
    assert points == [
        {"net": "stateless"},
        {"memory": 16, "net": "lstm"},
        {"memory": 32, "net": "lstm", "gate": 1},
        {"memory": 32, "net": "lstm", "gate": 2},
    ]
    units = {"memory": 0.99, "net": 0.1, "gate": 0.1}
    assert point_at_quantiles(sweep(search_space=CONDITIONAL), units) == {"net": "stateless"}


@pytest.mark.parametrize("parameter, unit, value", [
    ({"values": ["a", "b"]}, 0.0, "a"),
    ({"values": ["a", "b"]}, 0.999999, "b"),
    ({"min": 2, "max": 4}, 0.25, 2.5),
    ({"min": 1e-4, "max": 1e-2, "log": True}, 0.5, 1e-3),
    ({"min": 0, "max": 1}, 1 / 3, 0.3333),
    ({"min": 0, "max": 1, "step": 0.25}, 0.79, 0.75),
    ({"min": 1, "max": 3, "int": True}, 0.34, 2),
    ({"min": 1, "max": 100, "int": True, "log": True}, 0.0, 1),
    ({"min": 1, "max": 100, "int": True, "log": True}, 1 - 1e-12, 100),
    ({"min": 0.12345678, "max": 1}, 0.0, 0.1235),
])  # fmt: skip
def test_values_at_quantiles(parameter, unit, value):
    result = value_at_quantile(Parameter.parse(parameter, "x"), unit)
    assert result == value and type(result) is type(value)


@pytest.mark.parametrize("log", [False, True])
def test_integers_are_equally_likely(log):
    parameter = Parameter.parse({"min": 1, "max": 4, "int": True, "log": log}, "x")
    values = [value_at_quantile(parameter, (n + 0.5) / 10_000) for n in range(10_000)]
    low, high = (math.log(0.5), math.log(4.5)) if log else (0.5, 4.5)
    for value in range(1, 5):
        ends = [math.log(value + d) if log else value + d for d in (-0.5, 0.5)]
        share = (ends[1] - ends[0]) / (high - low)
        assert values.count(value) / 10_000 == pytest.approx(share, abs=2e-4)


@pytest.mark.parametrize("space, message", [
    ({}, "key 'search_space'"),
    ({"clip": []}, "key 'search_space.clip"),
    ({"clip": 0.1}, "key 'search_space.clip': got 0.1; expected a list of values, or a mapping"),
    ({"clip": [0.1, 0.1]}, "expected unique values; 0.1 is repeated"),
    ({"clip": {"min": 0.1}}, "expected a list of values, or a mapping with 'min' and 'max'"),
    ({"clip": {"min": 0.3, "max": 0.1}}, "min 0.3 is not less than max 0.1"),
    ({"clip": {"min": 0, "max": 0.1, "log": True}}, "min: got 0; expected > 0"),
    ({"clip": {"min": 0.1, "max": 0.2, "log": True, "step": 0.1}}, "'step' is not supported with"),
    ({"clip": {"values": [0.1], "min": 0.2}}, "expected only 'values' and 'when'"),
    ({"clip": {"min": 0.1, "max": 0.2, "steps": 2}}, "unknown key 'search_space.clip.steps'; did "),
    ({"epochs": {"min": 1, "max": 2.5, "int": True}}, "with 'int', expected whole numbers"),
    ({"clip": {"min": 0, "max": 0.2, "step": 1e-9}}, "expected at most 10000 values"),
    ({"missions": [["a"]]}, "'missions' cannot be searched; key 'missions' sets it"),
    ({"a": {"values": [1], "when": {"b": 1}}}, "key 'search_space.a.when': unknown 'b'"),
    ({"a": {"values": [1], "when": {"b": 3}}, "b": [1, 2]}, "got 3 for 'b'; accepted: 1, 2"),
    ({"a": {"values": [1], "when": {"b": 1}}, "b": {"min": 1, "max": 2}}, "'b' is a range"),
    ({"a": {"values": [1], "when": {"b": 1}}, "b": {"values": [1], "when": {"a": 1}}},
     "the conditions form a cycle"),
])  # fmt: skip
def test_invalid_spaces(space, message):
    with pytest.raises(ConfigError) as caught:
        sweep(search_space=space)
    assert message in str(caught.value) and str(caught.value).startswith("sweep.yaml: ")


@pytest.mark.parametrize("space, message", [
    ({"learnin_rate": [0.1]}, "'learnin_rate'; did you mean 'learning_rate'?"),
    ({"training.learnin_rate": [0.1]}, "did you mean 'learning_rate'?"),
    ({"init_kwargs.hiden_size": [8]}, "did you mean 'hidden_size'?"),
    ({"clip": [0.1, -1]}, "key 'search_space.clip': key 'clip': got -1"),
    ({"clip": {"min": 0.1, "max": 7}}, "key 'search_space.clip': key 'clip': got 7"),
    ({"rollout_length": {"min": 16, "max": 64}}, "only whole numbers are possible; add 'int: "),
    ({"clip": [0.1], "training.clip": [0.2]}, "'clip' and 'training.clip' are the same"),
    ({"shaping": [{}], "shaping.made_heart": [1]}, "'shaping.made_heart' is part of 'shaping'"),
    ({"shaping.made_heart": ["much"]}, "key 'shaping.made_heart': got \"much\""),
])  # fmt: skip
def test_invalid_names_and_values(space, message):
    with pytest.raises(ConfigError) as caught:
        check_search_space(sweep(search_space=space))
    assert message in str(caught.value)


def test_values_become_training_class_and_shaping_arguments():
    space = {
        "training.learning_rate": [0.5],
        "rollout_length": [7],
        "hidden_size": [8],
        "init_kwargs.glyphs": [2],
        "shaping.made_heart": [0.25],
    }
    config = sweep(search_space=space, training={"shaping": {"made_carbon": 1, "made_heart": 9}})
    check_search_space(config)
    (run,) = make_plan(
        build_trials_benchmark(config, name_trials(build_grid(config)))
    ).runs.values()
    assert (run.training.learning_rate, run.training.rollout_length) == (0.5, 7)
    assert run.init_kwargs == {"hidden_size": 8, "glyphs": 2}
    assert run.training.shaping == {"made_carbon": 1, "made_heart": 0.25}


def test_names_are_readable_or_a_hash():
    names = [
        t.name
        for t in name_trials([{"clip": 0.1}, {"clip": 0.25}, {"shaping": {"made_heart": 1.0}}])
    ]
    assert names[:2] == ["clip-0.1", "clip-0.25"] and names[2].startswith("trial-")
    same_words = [t.name for t in name_trials([{"a": 1}, {"a": "1"}])]
    assert len(set(same_words)) == 2
