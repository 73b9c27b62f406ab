"""Pretrained policies: their class paths, and the bundles that DAF ships."""

import shutil
from pathlib import Path

import pytest
import torch

from daf.__main__ import main
from daf.config import BenchmarkConfig, ConfigError
from daf.deploy.contents import Bundle
from daf.missions import build_mission, load_mission
from daf.plan import make_plan
from daf.policies import Game, PolicySpec, make_policy, registry
from daf.provenance.hashing import file_digest
from tests.deploy.conftest import MISSION

SHIPPED = registry.list_pretrained_class_paths()
MAX_TOTAL_BYTES = 15e6


@pytest.fixture
def yard(bundle, tmp_path, monkeypatch) -> Path:
    """Bundle of the only pretrained policy, `pretrained:yard`."""
    monkeypatch.setattr(registry, "PRETRAINED_FOLDER", tmp_path)
    return Path(shutil.copy(bundle.file, tmp_path / "yard.zip"))


def two_steps(spec: PolicySpec) -> list[torch.Tensor]:
    policy = make_policy(spec, Game.of(MISSION))
    observations = torch.full((2, MISSION.tokens, 3), 255, dtype=torch.uint8)
    first, state = policy.act(observations, policy.initial_state(torch.tensor([3, 4])))
    return [first, policy.act(observations, state)[0]]


def test_pretrained_policy_acts_as_its_bundle(yard):
    actions = two_steps(PolicySpec("pretrained:yard"))
    assert all(map(torch.equal, actions, two_steps(PolicySpec("bundle", str(yard)))))


def test_results_name_the_policy_and_identify_its_bundle(yard):
    config = {"policies": ["pretrained:yard", "random"], "missions": ["assembler_1"]}
    plan = make_plan(BenchmarkConfig.parse(config, "test"), check_policy_builds=False)
    name, policy = next(iter(plan.policies.items()))
    assert (plan.labels[name], policy.class_digest) == ("yard", file_digest(yard))
    yard.write_bytes(yard.read_bytes() + b"x")
    changed = make_plan(BenchmarkConfig.parse(config, "test"), check_policy_builds=False)
    assert name not in changed.policies


@pytest.mark.parametrize("settings, message", [
    ({"class_path": "pretrained:yrad"},
        "unknown policy \"pretrained:yrad\"; did you mean 'pretrained:yard'"),
    ({"class_path": "pretrained:yard", "data_path": "x.zip"}, "key 'data_path'"),
    ({"class_path": "pretrained:yard", "init_kwargs": {"trust": True}},
        "unknown key 'init_kwargs.trust'"),
    ({"class_path": "pretrained:../yard"}, "unknown policy"),
])  # fmt: skip
def test_errors_of_configurations(yard, settings, message):
    config = {"policies": [settings], "missions": ["assembler_1"]}
    with pytest.raises(ConfigError) as error:
        make_plan(BenchmarkConfig.parse(config, "test"))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_game_with_other_observations_is_an_error(yard):
    wide = build_mission(
        {"max_steps": 40, "window_width": 5, "map": MISSION.map}, name="wide", source="test"
    )
    with pytest.raises(ConfigError, match="'window'"):
        make_policy(PolicySpec("pretrained:yard"), Game.of(wide))


def test_list_shows_scores(yard, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["daf", "policies"])
    assert main() == 0
    lines = capsys.readouterr().out.splitlines()
    number = lines.index("pretrained:yard: run someone-1, daf.policies.lstm:LSTM")
    score = Bundle.read(yard).description.scores["yard"]
    assert lines[number + 1] == f"  yard: {score.format(0.95)}"


def test_shipped_bundles_are_small():
    assert SHIPPED
    sizes = [registry.find_pretrained_bundle(name).stat().st_size for name in SHIPPED]
    assert sum(sizes) <= MAX_TOTAL_BYTES


@pytest.mark.parametrize("class_path", SHIPPED)
def test_installed_code_gives_the_golden_actions(class_path):
    bundle = Bundle.read(registry.find_pretrained_bundle(class_path))
    mission = bundle.missions[bundle.description.golden.mission]
    policy = make_policy(PolicySpec(class_path), Game.of(mission))
    state = policy.initial_state(bundle.golden["seeds"])
    for observations, actions in zip(bundle.golden["observations"], bundle.golden["actions"]):
        chosen, state = policy.act(observations, state)
        assert torch.equal(chosen, actions)


@pytest.mark.parametrize("class_path", SHIPPED)
def test_missions_of_shipped_scores_are_those_of_this_daf(class_path):
    for name, mission in Bundle.read(registry.find_pretrained_bundle(class_path)).missions.items():
        assert mission == load_mission(name)
