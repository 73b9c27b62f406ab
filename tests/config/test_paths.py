"""Paths with `~`, `@`, blanks and invalid characters."""

import re
from pathlib import Path

import pytest

from daf.__main__ import main
from daf.config import BenchmarkConfig, ConfigError, DAFConfig, DAFSweepConfig, TrainingConfig
from daf.config.paths import expand_home
from daf.missions import load_mission
from daf.orchestrators.working_directory import with_absolute_paths
from daf.plan.names import make_class_and_weights_label
from daf.policies.registry import parse_class_path_and_weights

MISSION = "max_steps: 9\nmap: ['#####', '#@.=#', '#####']\n"
POLICY = {"class_path": "lstm", "data_path": "~/w"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_home_in_every_key(home):
    config = BenchmarkConfig.parse(
        {
            "policies": [POLICY, "~/mine.py:Mine", "mettagrid:~/b.zip"],
            "missions": ["assembler_1"],
            "training": {"initial_weights": "~/i"},
            "execution": {"results_dir": "~/results/"},
        },
        "x",
    )
    assert config.execution.results_dir == f"{home}/results"
    assert config.training.initial_weights == f"{home}/i"
    assert config.policies[0].data_path == f"{home}/w"
    assert [policy.class_path for policy in config.policies] == [
        "lstm", f"{home}/mine.py:Mine", f"mettagrid:{home}/b.zip"
    ]  # fmt: skip
    assert DAFConfig(profile="~/p").profile == f"{home}/p"
    sweep = DAFSweepConfig(
        policy_class_path="~/mine.py:Mine",
        policy_data_path="~/w",
        missions=("assembler_1",),
        search_space={"learning_rate": [0.1]},
    )
    assert sweep.policy_class_path == f"{home}/mine.py:Mine"
    assert sweep.policy_data_path == f"{home}/w"


def test_home_in_missions_and_arguments(home, monkeypatch, capsys):
    (home / "m.yaml").write_text(MISSION)
    assert load_mission("~/m.yaml").name == "m"
    (home / "n.yaml").write_text("extends: ~/m.yaml\nmax_steps: 7\n")
    assert load_mission("~/n.yaml").max_steps == 7
    for arguments in (
        ["benchmark", "--config", "~/c.yaml"],
        ["audit", "~/r"],
        ["crate", "~/r", "~/c.zip"],
        ["bundle", "info", "~/b.zip"],
        ["sweep", "~/s.yaml"],
        ["missions", "~/x.yaml"],
    ):
        monkeypatch.setattr("sys.argv", ["daf", *arguments])
        assert main() == 1
        assert f"{home}/" in capsys.readouterr().err, arguments


@pytest.mark.parametrize("path", ["~nobody_of_this_name/x", "mettagrid:~nobody_of_this_name"])
def test_unknown_home(path):
    with pytest.raises(ConfigError, match="expected an existing home folder"):
        expand_home(path)


@pytest.mark.parametrize("path", ["x~", "./~x", "a/~/b", "$HOME/x", "assembler_1"])
def test_other_tildes_are_unchanged(path):
    assert expand_home(path) == path


@pytest.mark.parametrize("text, parts", [
    ("lstm", ("lstm", None)),
    ("lstm@", ("lstm", None)),
    ("lstm@w.safetensors", ("lstm", "w.safetensors")),
    ("lstm@my weights/p@home.safetensors", ("lstm", "my weights/p@home.safetensors")),
    ("a.b:C@d@e", ("a.b:C", "d@e")),
    ("dir@home/mine.py:Mine", ("dir@home/mine.py:Mine", None)),
    ("dir@home/mine.py:Mine@w@x", ("dir@home/mine.py:Mine", "w@x")),
    ("my.dir@home/mine.py:Mine@w", ("my.dir@home/mine.py:Mine", "w")),
    ("two\nlines/mine.py:Mine@w", ("two\nlines/mine.py:Mine", "w")),
    ("mettagrid:a.B@w", ("mettagrid:a.B", "w")),
])  # fmt: skip
def test_class_path_and_weights(text, parts):
    assert parse_class_path_and_weights(text) == parts


def test_mettagrid_bundle_with_at_sign(tmp_path):
    (tmp_path / "b@home.zip").touch()
    text = f"mettagrid:{tmp_path}/b@home.zip"
    assert parse_class_path_and_weights(text) == (text, None)


@pytest.mark.parametrize("folder, label", [
    ("mine", "lstm-mine"),
    ("lstm-s1-0123", "lstm-s1-0123"),
    ("my weights", "lstm-my-weights"),
    ("a@b", "lstm-a-b"),
    ("权重", "lstm-unnamed"),
    ("two\nlines", "lstm-two-lines"),
    ("x" * 90, "lstm-" + "x" * 32),
])  # fmt: skip
def test_default_label_of_weights(folder, label):
    policy = {"class_path": "lstm", "data_path": f"{folder}/policy.safetensors"}
    config = BenchmarkConfig(policies=(policy,), missions=("assembler_1",))
    assert make_class_and_weights_label(config.policies[0], is_untrained=False) == label


@pytest.mark.parametrize("key", ["initial_weights"])
def test_braces_are_refused(key):
    with pytest.raises(ConfigError, match=re.escape("without { and }")):
        TrainingConfig.parse({key: "{run}/w"}, "x")


@pytest.mark.parametrize("folder", ["-x", "./-x", ".//-x/y"])
def test_results_dir_like_an_option(folder):
    with pytest.raises(ConfigError, match="does not start with '-'"):
        DAFConfig.parse({"results_dir": folder}, "x")
    assert DAFConfig.parse({"results_dir": "a/-x"}, "x").results_dir == "a/-x"


def test_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = BenchmarkConfig.parse(
        {
            "name": "study.yaml",
            "policies": [
                {"class_path": "a.b:C", "data_path": "w", "training": {"initial_weights": "i"}},
                "sub/mine.py:Mine",
                "/whole/mine.py:Mine",
            ],
            "missions": [
                "assembler_1@7",
                "m.yaml",
                {"mission": "sub/m.yaml@1-3", "training": {"missions": ["t.yaml"]}},
            ],
        },
        "x",
    )
    whole = with_absolute_paths(config)
    assert whole.name == "study.yaml"
    assert [entry.mission for entry in whole.missions] == [
        "assembler_1@7", f"{tmp_path}/m.yaml", f"{tmp_path}/sub/m.yaml@1-3"
    ]  # fmt: skip
    assert whole.missions[2].training == {"missions": [f"{tmp_path}/t.yaml"]}
    assert [policy.class_path for policy in whole.policies] == [
        "a.b:C", f"{tmp_path}/sub/mine.py:Mine", "/whole/mine.py:Mine"
    ]  # fmt: skip
    assert whole.policies[0].data_path == f"{tmp_path}/w"
    assert whole.policies[0].training == {"initial_weights": f"{tmp_path}/i"}
    assert whole.execution.results_dir == f"{tmp_path}/results"
    monkeypatch.chdir("/")
    assert with_absolute_paths(whole) == whole
    assert Path(whole.execution.results_dir).is_absolute()
