"""Loaders under random input: success or a one-line error, nothing else."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import yaml
from hypothesis import given
from hypothesis import strategies as st

from daf.config import (
    AuditConfig,
    BenchmarkConfig,
    DAFConfig,
    DAFSweepConfig,
    ExecutionConfig,
    load_json,
    load_yaml,
)
from daf.evaluation.replay import Replay
from daf.files.parquet import load_table
from daf.missions import RESOURCES, load_mission
from daf.missions.loader import BUILT_IN, build_mission
from daf.orchestrators import PipelineResult
from daf.plan import make_plan
from daf.policies.registry import read_init_kwargs
from daf.provenance.origin import Origin
from daf.provenance.sidecar import Sidecar, write_outputs_and_sidecar
from daf.stats import analyse
from tests.bad_input.fuzzing import (
    NUMBERS,
    TEXTS,
    damaged,
    fuzzed,
    mutated,
    to_json,
    try_call,
    write_file,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@fuzzed
@given(content=st.one_of(st.binary(max_size=60), TEXTS.map(lambda t: t.encode("utf-8", "replace"))))
def test_any_bytes_as_yaml_and_json(content, folder):
    for load, name in ((load_yaml, "any.yaml"), (load_json, "any.json")):
        try_call(load, write_file(folder / name, content), names=name)


@fuzzed
@given(content=damaged((ROOT / "config" / "config.yaml").read_bytes()))
def test_damaged_configuration_files(content, folder):
    path = write_file(folder / "config.yaml", content)
    config = try_call(BenchmarkConfig.from_yaml, path, names="config.yaml")
    assert config is None or isinstance(config, BenchmarkConfig)


BENCHMARK = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
SWEEP = {
    "name": "grid",
    "policy_class_path": "lstm",
    "missions": ["assembler_1"],
    "search_space": {"learning_rate": [0.001, 0.01], "hidden_size": [8]},
    "num_training_steps": 100,
    "training": {"worlds": 4},
    "keep_best": 1,
}
CONFIGS = [
    (BenchmarkConfig, BENCHMARK),
    (DAFSweepConfig, SWEEP),
    (DAFConfig, DAFConfig(training_seeds=(1, 2)).resolved()),
    (AuditConfig, AuditConfig(trust=("x",)).resolved()),
]


@pytest.mark.parametrize("model, data", CONFIGS, ids=lambda part: getattr(part, "__name__", ""))
def test_random_configurations(model, data):
    @fuzzed
    @given(data=mutated(data))
    def parse(data):
        config = try_call(model.parse, data, "source", names="source")
        if config is not None:
            assert model.parse(config.resolved(), "resolved") == config

    parse()


@fuzzed
@given(data=mutated({"policies": ["lstm", {"class_path": "random"}], "missions": ["assembler_1"]}))
def test_random_plans(data):
    config = try_call(BenchmarkConfig.parse, data, "source")
    if config is not None:
        try_call(make_plan, config)


@pytest.mark.parametrize(
    "name", ["training_facility_2", "training_facility_1_crowd", "assembler_2"]
)
def test_random_missions(name):
    @fuzzed
    @given(data=mutated(yaml.safe_load((BUILT_IN / f"{name}.yaml").read_text())))
    def build(data):
        try_call(
            lambda: build_mission(data, name="fuzzed", source="fuzzed.yaml"), names="fuzzed.yaml"
        )

    build()


@pytest.fixture(scope="module")
def sidecar(folder) -> Path:
    with write_outputs_and_sidecar(
        rule="demo",
        inputs={"source": [str(ROOT / "README.md")]},
        outputs={"a": str(folder / "out" / "a.txt")},
        sidecar_path=str(folder / "out" / "a.txt.prov.json"),
        parameters={"seed": 1, "names": ["x"]},
        execution=ExecutionConfig(results_dir=str(folder / "out")),
        origin=Origin.current("cpu"),
    ) as paths:
        paths["a"].write_text("a")
    return folder / "out" / "a.txt.prov.json"


def test_random_and_damaged_sidecars(sidecar, folder):
    path, content = folder / "fuzzed.prov.json", sidecar.read_bytes()

    @fuzzed
    @given(data=mutated(json.loads(content)))
    def read_mutated(data):
        loaded = try_call(
            Sidecar.read, write_file(path, json.dumps(data).encode()), names=str(path)
        )
        if loaded is not None:
            for name in loaded.digest_by_output_and_log_path():
                assert (folder / name).resolve().is_relative_to(folder)

    @fuzzed
    @given(content=damaged(content))
    def read_damaged(content):
        try_call(Sidecar.read, write_file(path, content), names=str(path))

    read_mutated()
    read_damaged()


def test_random_pipeline_results(folder):
    path = folder / "result.json"
    PipelineResult("x", "success", ["a"], outputs={"best_config": {"x": 1}}).write(path)

    @fuzzed
    @given(data=mutated(json.loads(path.read_text())))
    def read_mutated(data):
        try_call(PipelineResult.read, write_file(path, json.dumps(data).encode()), names=str(path))

    read_mutated()


@pytest.fixture(scope="module")
def replay() -> bytes:
    runs = {"values": [0], "repeats": [3]}
    states = dict.fromkeys(("orientation", "glyph", "verb", "argument", "success", "reward"), runs)
    states |= {name: {"values": [0], "repeats": [6]} for name in ("cooldown_end", "uses", "stock")}
    states |= {
        "cell": {"values": [7, 8], "repeats": [2, 1]},
        "inventory": {"values": [100, 0], "repeats": [3, 27]},
        "repair": {"values": [-1], "repeats": [6]},
        "score": {"values": [0, 1], "repeats": [2, 1]},
    }
    data = {
        "policy": "<b>",
        "run": "x",
        "mission": load_mission("assembler_1").resolved()
        | {"map": ["######", "#@.&=#", "######"], "max_steps": 2},
        "resources": list(RESOURCES),
        "episodes": [{"episode": 0, "world_seed": 1, "score": 1, "steps": 2, "states": states}],
    }
    assert Replay.model_validate(data).episodes
    return json.dumps(data).encode()


def test_random_and_damaged_replays(replay, folder):
    path = folder / "fuzzed.replay.json"

    @fuzzed
    @given(content=st.one_of(mutated(json.loads(replay)).map(to_json), damaged(replay)))
    def read_replay(content):
        try_call(Replay.read, write_file(path, content), names=str(path))

    read_replay()


def test_damaged_tables(folder):
    table = pd.DataFrame({"score": [1.0, 2.0] * 20, "mission": ["a", "b"] * 20})
    table.to_parquet(folder / "good.parquet", index=False)

    @fuzzed
    @given(content=damaged((folder / "good.parquet").read_bytes()))
    def load(content):
        path = write_file(folder / "bad.parquet", content)
        try_call(load_table, path, names="bad.parquet")
        try_call(load_table, path, ["score"], names="bad.parquet")

    load()


def test_damaged_weights(folder):
    weights = {"hidden.weight": np.zeros((4, 4), np.float32)}
    content = safetensors.numpy.save(weights, {"init_kwargs": '{"hidden_size": 4}'})

    @fuzzed
    @given(content=damaged(content))
    def read(content):
        path = str(write_file(folder / "bad.safetensors", content))
        try_call(read_init_kwargs, path, names="bad.safetensors")

    read()


@st.composite
def episode_tables(draw):
    """Draw valid episode tables with difficult content."""
    rows = []
    scores = draw(st.sampled_from([NUMBERS, st.just(1.0), st.integers(0, 3), st.floats(-1e9, 1e9)]))
    for policy in draw(st.lists(st.sampled_from(["a", "b", "<c>"]), min_size=1, unique=True)):
        seeds = draw(st.sampled_from([[pd.NA], [1], [1, 2], [1, 2, 3, 4, 5]]))
        for mission in draw(st.lists(st.sampled_from(["m", "n"]), min_size=1, unique=True)):
            for seed in seeds:
                for episode in range(draw(st.integers(1, 3))):
                    rows.append((policy, f"{policy}-{seed}", seed, mission, episode, episode,
                                 draw(scores)))  # fmt: skip
    columns = ["policy", "run", "training_seed", "mission", "episode", "world_seed", "score"]
    table = pd.DataFrame(rows, columns=columns)
    defect = draw(st.sampled_from(["none", "none", "none", "drop", "repeat", "text", "missing"]))
    column = draw(st.sampled_from(columns))
    if defect == "drop":
        table = table.drop(columns=column)
    elif defect == "repeat":
        table = pd.concat([table, table])
    elif defect == "text":
        table[column] = "x"
    elif defect == "missing":
        table[column] = None
    return table


@pytest.mark.filterwarnings("error")
@fuzzed
@given(table=episode_tables())
def test_statistics_of_difficult_tables(table):
    result = try_call(analyse, table, error=ValueError)
    if result is not None:
        json.dumps(result, allow_nan=False)
        assert analyse(table.sample(frac=1, random_state=1)) == result
