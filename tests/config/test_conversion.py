"""Conversion of text values to the types of their keys."""

import json
from pathlib import Path

import pytest
import yaml

from daf.config import BenchmarkConfig, ConfigError, DAFSweepConfig
from daf.config.conversion import convert_text
from daf.missions import load_mission
from daf.plan import make_plan
from daf.policies import Game, PolicySpec, make_policy
from daf.sweep.conclude import build_best_benchmark_config
from daf.sweep.points import value_at_quantile
from daf.sweep.propose import propose_first_round
from daf.sweep.state import SweepPlan

MINE = """
from __future__ import annotations
from typing import Optional
from daf.policies.stateless import Stateless

class Mine(Stateless):
    def __init__(self, game, device="cpu", rate: float = 1.0, sizes: list[int] = (1,),
                 name: str = "a", mode: int | str = 1, extra: Optional[int] = None,
                 bare=3, share=0.5, flag=False, anything=None, unknown: Nowhere = 1, **kwargs):
        super().__init__(game, device, **kwargs)
        self.received = dict(rate=rate, sizes=sizes, name=name, mode=mode, extra=extra, bare=bare,
                          share=share, flag=flag, anything=anything, unknown=unknown)
"""


def sweep(space: dict, **changes) -> DAFSweepConfig:
    data = {"policy_class_path": "stateless", "missions": ["assembler_1"], "search_space": space}
    return DAFSweepConfig.parse(data | changes, "sweep.yaml")


def with_type(value) -> tuple:
    """Return a value with its type, so that 1, 1.0 and True differ."""
    return type(value), value


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)


@pytest.mark.parametrize("annotation, text, value", [
    (float, "1e-3", 0.001), (float, "-.5", -0.5), (float, "7", 7.0), (float, "x", "x"),
    (float, "inf", "inf"), (float, "nan", "nan"), (float, "", ""),
    (int, "64", 64), (int, "1e3", 1000), (int, "1.5", "1.5"), (int, str(2**62 + 1), 2**62 + 1),
    (int | None, "1e2", 100), (bool, "true", True), (str, "1e-3", "1e-3"), (None, "1", "1"),
    (int | str, "1", "1"), (list[float], ["1e-3", 2], [0.001, 2.0]),
    (dict[str, float], {"a": "1e1"}, {"a": 10.0}), (float, 3, 3), (int, 2.0, 2.0),
    ("no type", "1", "1"), (Path, "a", "a"), ([], "1", "1"),
])  # fmt: skip
def test_convert_text(annotation, text, value):
    assert with_type(convert_text(text, annotation)) == with_type(value)


def test_text_numbers_in_lists():
    """The surrogate model needs a numeric axis, and the result needs numbers."""
    config = sweep(yaml.safe_load("learning_rate: ['1e-4', '1e-3', 0.01]\nclip: ['.2']"))
    assert config == sweep({"learning_rate": [1e-4, 1e-3, 0.01], "clip": [0.2]})
    values = config.search_space["learning_rate"].values
    assert list(map(with_type, values)) == [(float, 1e-4), (float, 1e-3), (float, 0.01)]
    assert [trial.name for trial in propose_first_round(config)][
        1
    ] == "learning_rate-0.001_clip-0.2"
    best = build_best_benchmark_config(
        config, {"trial": "x", "hyperparameters": propose_first_round(config)[1].values}
    )
    assert with_type(best["training"]["learning_rate"]) == (float, 0.001)


def test_text_in_search_space():
    config = sweep({
        "training.gamma": ["9e-1", "99e-2"],
        "anneal": ["true", "false"],
        "shaping.made_heart": ["1e-1"],
        "shaping": {"values": [{"moves": "1e-2"}]},
        "clip": {"min": "1e-2", "max": "5e-1", "log": True, "when": {"training.gamma": "9e-1"}},
        "entropy_coef": {"values": ["1e-3"], "when": {"anneal": ["true"]}},
    })  # fmt: skip
    space = config.search_space
    assert space["training.gamma"].values == (0.9, 0.99)
    assert list(map(with_type, space["anneal"].values)) == [(bool, True), (bool, False)]
    assert space["shaping.made_heart"].values == (0.1,)
    assert space["shaping"].values == ({"moves": 0.01},)
    assert with_type(value_at_quantile(space["clip"], 0.0)) == (float, 0.01)
    assert space["clip"].when == {"training.gamma": (0.9,)}
    assert space["entropy_coef"].when == {"anneal": (True,)}
    assert DAFSweepConfig.parse(config.resolved(), "again") == config


@pytest.mark.parametrize("name, values, message", [
    ("learning_rate", ["1e-3", 0.001], "expected unique values; 0.001 is repeated"),
    ("learning_rate", ["1e-3", "10e-4"], "expected unique values; 0.001 is repeated"),
    ("hidden_size", ["64", 64], "expected unique values; 64 is repeated"),
    ("learning_rate", ["fast"], "key 'learning_rate': got \"fast\"; expected a number"),
    ("learning_rate", ["nan"], "key 'learning_rate': got \"nan\"; expected a "),
    ("worlds", ["8"], "key 'worlds': got \"8\"; expected a whole number"),
])  # fmt: skip
def test_invalid_search_spaces(name, values, message):
    with pytest.raises(ConfigError) as caught:
        SweepPlan(sweep({name: values}), "sweep.yaml")
    assert str(caught.value).startswith(f"sweep.yaml: key 'search_space.{name}': {message}")


def test_init_kwargs_in_search_space():
    texts = {"hidden_size": ["8", "1.6e1"],
             "glyphs": {"values": ["2"], "when": {"hidden_size": "8"}}}  # fmt: skip
    numbers = {"hidden_size": [8, 16], "glyphs": {"values": [2], "when": {"hidden_size": 8}}}
    search, same = SweepPlan(sweep(texts), "x"), SweepPlan(sweep(numbers), "x")
    assert search.sweep == same.sweep and search.folder == same.folder
    assert set(search.plan.runs) == set(same.plan.runs)
    fixed = SweepPlan(sweep({"clip": [0.1]}, init_kwargs={"hidden_size": "8"}))
    assert fixed.sweep.init_kwargs == {"hidden_size": 8}


TEXT_KWARGS = {
    "rate": "1e-3", "sizes": ["1", "2"], "name": "1", "mode": "1", "extra": "3", "bare": "4",
    "share": "1e-1", "flag": "true", "anything": "1", "unknown": "1", "hidden_size": "16",
}  # fmt: skip
TYPED_KWARGS = {
    "rate": 0.001, "sizes": [1, 2], "name": "1", "mode": "1", "extra": 3, "bare": 4,
    "share": 0.1, "flag": True, "anything": "1", "unknown": "1", "hidden_size": 16,
}  # fmt: skip


def test_init_kwargs_of_policy():
    """Types come from annotations, defaults, and the base class that receives the argument."""
    data = {"missions": ["assembler_1"], "training_seeds": [1]}
    policies = [
        {"class_path": "mine.py:Mine", "name": name, "init_kwargs": kwargs}
        for name, kwargs in {"given": TEXT_KWARGS, "meant": TYPED_KWARGS}.items()
    ]
    (run,) = make_plan(BenchmarkConfig.parse(data | {"policies": policies[:1]}, "x")).runs.values()
    assert json.dumps(run.init_kwargs, sort_keys=True) == json.dumps(TYPED_KWARGS, sort_keys=True)
    with pytest.raises(ConfigError, match="'meant' is the same as 'given'; leave one out"):
        make_plan(BenchmarkConfig.parse(data | {"policies": policies}, "x"))
    spec = PolicySpec("mine.py:Mine", init_kwargs=TEXT_KWARGS)
    policy = make_policy(spec, Game.of(load_mission("assembler_1")))
    assert policy.received == {name: TYPED_KWARGS[name] for name in policy.received}


def test_training_overrides_of_policy():
    training = {"learning_rate": "1e-3", "shaping": {"moves": "1e-1"}, "anneal": "false"}
    data = {"missions": ["assembler_1"], "policies": [{"class_path": "lstm", "training": training}]}
    (policy,) = BenchmarkConfig.parse(data, "x").policies
    assert policy.training == {"learning_rate": 0.001, "shaping": {"moves": 0.1}, "anneal": False}
