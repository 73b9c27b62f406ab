"""JSON schemas of the configuration files."""

import copy
import re
from pathlib import Path

import jsonschema
import pytest

from daf.cli.workspace import STARTER
from daf.config import BenchmarkConfig, ConfigError, DAFConfig, DAFSweepConfig, load_yaml
from daf.missions import built_in_missions
from daf.missions.json_schema import (
    SUFFIX,
    build_config_and_mission_schema_texts,
    build_config_and_mission_schemas,
)
from daf.missions.loader import BUILT_IN, STATION_CATALOG, build_mission
from daf.plan import make_plan

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "workflow" / "schemas"
SCHEMAS = build_config_and_mission_schemas()
CONFIGS = sorted([*(ROOT / "config").glob("*.yaml"), *(ROOT / ".test").glob("config/*.yaml")])
MODELS = {"benchmark": BenchmarkConfig, "sweep": DAFSweepConfig, "pipelines": DAFConfig}


def kind_of(data: dict) -> str:
    return "sweep" if "search_space" in data else "benchmark"


def errors(kind: str, data) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMAS[kind])
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]


def test_the_files_are_the_generated_ones():
    files = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    command = "python -m daf.missions.json_schema workflow/schemas"
    assert files == build_config_and_mission_schema_texts(), f"write them: {command}"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_each_is_a_schema(kind):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])
    text = build_config_and_mission_schema_texts()[f"{kind}{SUFFIX}"]
    assert not re.search(r'"(ge|gt|le|lt)":', text)


def test_the_schema_in_one_part_is_that_of_a_benchmark():
    schema = load_yaml(FOLDER / "config.schema.yaml")
    assert "$ref" not in str(schema)
    steps = schema["properties"]["training"]["properties"]["steps"]
    assert (steps["type"], steps["default"]) == ("integer", 4_000_000)
    validator = jsonschema.Draft202012Validator(schema)
    for path in (path for path in CONFIGS if "sweep" not in path.name):
        validator.validate(load_yaml(path))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_configuration_is_valid_and_names_its_schema(path):
    data = load_yaml(path)
    assert errors(kind_of(data), data) == []
    first_line = path.read_text(encoding="utf-8").partition("\n")[0]
    schema = first_line.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).resolve() == FOLDER / f"{kind_of(data)}{SUFFIX}"


@pytest.mark.parametrize("name", built_in_missions())
def test_every_built_in_mission_is_valid(name):
    assert errors("mission", load_yaml(BUILT_IN / f"{name}.yaml")) == []


def test_the_station_catalog_and_complete_data_are_valid():
    mission = {"map": ["@"], "stations": STATION_CATALOG}
    assert errors("mission", mission) == []
    assert errors("pipelines", DAFConfig().resolved()) == []
    benchmark = BenchmarkConfig(policies=["random"], missions=["assembler_1"])
    assert errors("benchmark", benchmark.resolved()) == []
    sweep = DAFSweepConfig.from_yaml(ROOT / "config" / "sweep.yaml")
    assert errors("sweep", sweep.resolved()) == []


def test_the_files_of_daf_init_are_valid():
    assert errors("benchmark", load_yaml(STARTER / "config.yaml")) == []
    assert errors("mission", load_yaml(STARTER / "mission.yaml")) == []


VALID = {
    "benchmark": {"policies": ["random"], "missions": ["assembler_1"]},
    "sweep": {
        "policy_class_path": "lstm",
        "missions": ["assembler_1"],
        "search_space": {"gamma": [0.9, 0.99]},
    },
    "mission": {"map": ["&@="]},
    "pipelines": {"ranks": 2},
}
CHANGES = [
    ("benchmark", {"policies": []}),
    ("benchmark", {"policy": ["random"]}),
    ("benchmark", {"name": "a b"}),
    ("benchmark", {"training": {"steps": 0}}),
    ("benchmark", {"training": {"steps": 1.5}}),
    ("benchmark", {"training": {"learning_rate": 2}}),
    ("benchmark", {"policies": [{"class_path": "lstm", "training": {"gama": 1}}]}),
    ("benchmark", {"training_seeds": [-1]}),
    ("benchmark", {"execution": {"device": "tpu"}}),
    ("sweep", {"search_space": {}}),
    ("sweep", {"search_space": {"gamma": 0.9}}),
    ("sweep", {"search_space": {"gamma": {"min": 0.1, "maximum": 1}}}),
    ("sweep", {"strategy": "annealing"}),
    ("mission", {"layout": {"generator": "room"}}),
    ("mission", {"max_steps": -1}),
    ("mission", {"window": 5}),
    ("mission", {"stations": {"assembler": {"max_use": 1}}}),
    ("mission", {"map": None}),
    ("pipelines", {"ranks": 0}),
    ("pipelines", {"profil": "slurm"}),
]  # fmt: skip


@pytest.mark.parametrize("kind, changes", CHANGES, ids=str)
def test_schema_and_daf_refuse_the_same(kind, changes):
    assert errors(kind, VALID[kind]) == []
    data = copy.deepcopy(VALID[kind]) | changes
    assert errors(kind, data) != []
    with pytest.raises(ConfigError):
        if kind == "mission":
            build_mission(data, name="mission", source="mission.yaml")
        else:
            config = MODELS[kind].parse(data, "file.yaml")
            make_plan(config, "file.yaml", check_policy_builds=False)


SHORT_FORMS = [
    ("benchmark", {"policies": ["lstm", {"class_path": "lstm", "name": "big"}]}),
    ("benchmark", {"policies": [{"class_path": "lstm", "training": {"gamma": 0.9}}]}),
    ("sweep", {"search_space": {
        "gamma": {"min": 0.9, "max": 1, "when": {"anneal": True}}, "anneal": [True, False]}}),
    ("mission", {"map": "#####\n#&@=#\n#####\n"}),
    ("mission", {"map": ["x@="], "legend": {"x": "assembler"}, "stations": {
        "assembler": {"max_uses": 3}}}),
]  # fmt: skip


@pytest.mark.parametrize("kind, changes", SHORT_FORMS, ids=lambda value: str(value)[:40])
def test_schema_and_daf_accept_the_same(kind, changes):
    data = copy.deepcopy(VALID[kind]) | changes
    assert errors(kind, data) == []
    if kind == "mission":
        build_mission(data, name="mission", source="mission.yaml")
    else:
        MODELS[kind].parse(data, "file.yaml")
