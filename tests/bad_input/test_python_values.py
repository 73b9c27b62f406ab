"""Conversion of Python values (NumPy, tuples, paths) to plain data."""

import enum
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from daf.config import BenchmarkConfig, DAFConfig, DAFSweepConfig, PolicyConfig, TrainingConfig
from daf.missions import load_mission
from daf.orchestrators.arguments import (
    as_dict,
    as_policy_config,
    pipeline_name_from_content,
    require_list,
)
from daf.orchestrators.training_pipeline import daf_run_training_pipeline
from daf.policies import Game, PolicySpec, make_policy


class Kind(enum.Enum):
    CPU = "cpu"


def test_configurations_equal_those_of_plain_values():
    assert DAFConfig(
        results_dir=Path("a/b"),
        max_parallel_jobs=np.int64(2),
        training_seeds=range(3),
        world_seed=np.uint8(7),
        gpu_memory_fraction=np.float64(0.5),
        device=Kind.CPU,
    ) == DAFConfig(
        results_dir="a/b",
        max_parallel_jobs=2,
        training_seeds=(0, 1, 2),
        world_seed=7,
        gpu_memory_fraction=0.5,
        device="cpu",
    )
    training = {"learning_rate": np.float32(0.5), "anneal": np.bool_(False), "steps": np.int32(9)}
    assert TrainingConfig(**training) == TrainingConfig(learning_rate=0.5, anneal=False, steps=9)
    sweep = DAFSweepConfig(
        policy_class_path=np.str_("lstm"),
        policy_data_path=Path("w.safetensors"),
        missions=np.array(["assembler_1", "x.yaml"]),
        search_space={
            "learning_rate": np.array([1e-3, 1e-2]),
            "worlds": range(2, 5, 2),
            "gamma": OrderedDict(min=np.float64(0.5), max=np.float64(0.75)),
        },
        training=training,
        training_seeds=np.arange(2),
        strategy="random",
    )
    assert sweep.search_space["learning_rate"].values == (1e-3, 1e-2)
    assert sweep.search_space["worlds"].values == (2, 4)
    assert all(
        type(v) is int for v in (*sweep.training_seeds, *sweep.search_space["worlds"].values)
    )
    assert DAFSweepConfig.parse(sweep.resolved(), "again") == sweep


def test_policies():
    init_kwargs = {
        "size": np.int64(8),
        "rates": (np.float64(0.5), 1),
        "file": Path("x"),
        "on": np.True_,
    }
    plain = {"size": 8, "rates": [0.5, 1], "file": "x", "on": True}
    spec = PolicySpec("lstm", Path("w"), init_kwargs)
    assert spec == PolicySpec("lstm", "w", plain)
    expected = PolicyConfig(class_path="lstm", data_path="w", init_kwargs=plain)
    assert as_policy_config(spec) == expected
    assert as_policy_config(
        {"class_path": "lstm", "data_path": Path("w"), "init_kwargs": init_kwargs}
    ) == (expected)
    assert as_policy_config(Path("mine.py:Mine")).class_path == "mine.py:Mine"
    make_policy(
        PolicySpec("stateless", init_kwargs={"hidden_size": np.int64(8)}),
        Game.of(load_mission(Path("assembler_1"))),
    )


def test_arguments_of_pipelines():
    request = {"missions": ["a"], "seeds": [1, 2]}
    other = {"missions": np.array(["a"]), "seeds": (np.int64(1), 2)}
    assert pipeline_name_from_content("x", other) == pipeline_name_from_content("x", request)
    assert require_list((Path("x.yaml"), np.str_("a")), "missions") == ["x.yaml", "a"]
    config = TrainingConfig(steps=9)
    assert as_dict(config, "training") == as_dict({"steps": np.int64(9)}, "training")


@pytest.mark.parametrize("make, message", [
    (lambda: DAFConfig(world_seed=np.float64(1.5)),
        "DAFConfig: key 'world_seed': got 1.5; expected a whole number"),
    (lambda: DAFConfig(training_seeds=np.array([1.5])),
        "DAFConfig: key 'training_seeds.0': got 1.5; expected a whole number"),
    (lambda: DAFConfig(sed=1), "DAFConfig: unknown key 'sed'"),
    (lambda: BenchmarkConfig(policies=("random",)), "BenchmarkConfig: key 'missions' is missing"),
    (lambda: BenchmarkConfig.parse({"name": object}, "x"), "x: key 'name': got <class 'object'>; "
        "expected text, a number, true or false, a list or a mapping"),
    (lambda: daf_run_training_pipeline(
        policy_class_path="lstm", missions=("assembler_1",), num_training_steps=np.float64(9)),
        "arguments: key 'steps': got 9.0; expected a whole number"),
    (lambda: daf_run_training_pipeline(
        policy_class_path="lstm", missions=["assembler_1"], num_training_steps=9, training=[1]),
        "argument 'training': got [1]; expected a mapping"),
])  # fmt: skip
def test_invalid_values_give_one_line(make, message, refused):
    assert refused(make).startswith(message)
