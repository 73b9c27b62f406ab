"""Weights files of one method, one per training seed."""

import re
from pathlib import Path

import pytest
import safetensors.torch

from daf.cli.pipelines import policy_config_from_text
from daf.config import BenchmarkConfig, ConfigError, PolicyConfig
from daf.config.plain_data import parse_yaml
from daf.missions import load_mission
from daf.orchestrators import daf_run_training_pipeline
from daf.orchestrators.working_directory import with_absolute_paths
from daf.plan.names import make_class_and_weights_label
from daf.plan.training_seed_files import find_files_by_training_seed
from daf.policies import Game
from daf.policies.stateless import Stateless
from tests.plans import plan


def save_weights(path: Path, bias: float, hidden_size: int = 4) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    network = Stateless(Game.of(load_mission("assembler_1")), hidden_size=hidden_size)
    network.critic.bias.data.fill_(bias)
    network.save(path, {"hidden_size": hidden_size})
    return str(path)


@pytest.fixture
def files(tmp_path) -> dict[int, str]:
    return {seed: save_weights(tmp_path / f"sb3-{seed}.st", float(seed)) for seed in (3, 1, 12)}


def test_one_instance_per_file_with_its_training_seed(files):
    made = plan(policies=[{"class_path": "stateless", "data_paths": files}, "random"])
    assert not made.runs
    *instances, fixed = made.policies.values()
    assert [instance.training_seed for instance in instances] == [3, 1, 12]
    assert fixed.training_seed is None
    assert [made.weights[instance.name] for instance in instances] == list(files.values())
    assert [made.labels[instance.name] for instance in instances] == ["stateless-sb3"] * 3
    for instance in instances:
        assert instance.name.startswith(f"stateless-sb3-s{instance.training_seed}-")
        assert instance.init_kwargs == {"hidden_size": 4}


def test_names_follow_from_content_and_seed(files, tmp_path):
    def names(**data_paths):
        return list(plan(policies=[{"class_path": "stateless", **data_paths}]).policies)

    one = names(data_paths={3: files[3]})
    assert names(data_paths={"3": files[3]}) == one
    copy = tmp_path / "other" / "sb3-3.st"
    copy.parent.mkdir()
    copy.write_bytes(Path(files[3]).read_bytes())
    assert names(data_paths={3: str(copy)}) == one
    assert names(data_paths={4: files[3]}) != one
    assert names(data_paths={3: files[1]}) != one
    assert names(data_path=files[3]) != one


@pytest.mark.parametrize("data_paths, message", [
    ({1: "1.st", 2: "copy.st"},
     "key 'data_paths.2': got the content of 'data_paths.1'; expected the weights of another"),
    ({1: "1.st", 2: "wide.st"}, "key 'data_paths': \"wide.st\" has other arguments than \"1.st\""),
    ({1: "1.st", 2: "none.st"}, "key 'data_paths.2': no file \"none.st\"; expected the weights"),
    ({1: "1.st", "1": "2.st"}, "key 'policies.0.data_paths': .*every training seed once"),
    ({"01": "1.st"}, "key 'policies.0.data_paths.01"),
    ({-1: "1.st"}, "key 'policies.0.data_paths.-1"),
    ({2**31: "1.st"}, f"key 'policies.0.data_paths.{2**31}"),
    ({True: "1.st"}, "got the key true; expected text"),
    ({1.0: "1.st"}, "got the key 1.0; expected text"),
    ({1: 5}, "key 'policies.0.data_paths.1': got 5"),
    (["1.st"], "key 'policies.0.data_paths': got"),
])  # fmt: skip
def test_invalid_files_are_refused(data_paths, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, size in (("1", 4), ("2", 4), ("wide", 8)):
        save_weights(tmp_path / f"{name}.st", 0, size)
    tensors = safetensors.torch.load_file("1.st")
    safetensors.torch.save_file(tensors, "copy.st", {"init_kwargs": '{"hidden_size": 4}', "a": "b"})
    with pytest.raises(ConfigError, match=message):
        plan(policies=[{"class_path": "stateless", "data_paths": data_paths}])


@pytest.mark.parametrize("changes, message", [
    ({"data_path": "a"}, "got 'data_path' and 'data_paths'; expected one of them"),
    ({"training": {"steps": 9}}, "is not trained here"),
    ({"class_path": "random"}, "key 'data_paths.3': .*policy 'random' takes none"),
    ({"class_path": "stateless", "init_kwargs": {"hidden_size": 8}}, "weights .*got shape"),
])  # fmt: skip
def test_keys_that_exclude_each_other(changes, message, files):
    with pytest.raises(ConfigError, match=message):
        plan(policies=[{"class_path": "stateless", "data_paths": files} | changes])


def test_training_takes_one_file_of_initial_weights(files):
    with pytest.raises(ConfigError, match=r"key 'data_paths': .*expected 'data_path'"):
        daf_run_training_pipeline(
            policy_class_path={"class_path": "stateless", "data_paths": files},
            missions=["assembler_1"],
            num_training_steps=100,
        )


def test_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    policy = {"class_path": "stateless", "data_paths": {1: "a", 2: "/b", 3: "~/c"}}
    config = BenchmarkConfig.parse({"policies": [policy], "missions": ["assembler_1"]}, "x")
    (absolute,) = with_absolute_paths(config).policies
    home = str(Path.home())
    assert absolute.data_paths == {1: f"{tmp_path}/a", 2: "/b", 3: f"{home}/c"}


@pytest.mark.parametrize("paths, label", [
    (["sb3-1.zip", "sb3-2.zip"], "lstm-sb3"),
    (["sb3-10.zip", "sb3-11.zip"], "lstm-sb3"),
    (["x_seed_1.pt", "x_seed_2.pt"], "lstm-x"),
    (["mine/1.pt", "mine/2.pt"], "lstm-mine"),
    (["1/policy.safetensors", "2/policy.safetensors"], "lstm-imported"),
    (["runs/lstm-s1-0abc/policy.safetensors", "runs/lstm-s2-1abc/policy.safetensors"], "lstm"),
    (["a/x.pt", "b/y.pt"], "lstm-imported"),
])  # fmt: skip
def test_default_label(paths, label):
    policy = PolicyConfig(class_path="lstm", data_paths=dict(enumerate(paths)))
    assert make_class_and_weights_label(policy, is_untrained=False) == label


def test_files_of_a_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a-s2-x/w.st", "a-s10-y/w.st", "a-sx-z/w.st", "b[1]/w-7.st", "c/w-08.st"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    expected = {2: "a-s2-x/w.st", 10: "a-s10-y/w.st"}
    assert find_files_by_training_seed("a-s{seed}-*/w.st") == expected
    assert list(find_files_by_training_seed("a-s{seed}-*/w.st")) == [2, 10]
    assert find_files_by_training_seed("b[1]/w-{seed}.st") == {7: "b[1]/w-7.st"}
    assert find_files_by_training_seed("c//w-{seed}.st") == {8: "c/w-08.st"}
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_files_by_training_seed("~/c/w-{seed}.st") == {8: f"{tmp_path}/c/w-08.st"}
    assert policy_config_from_text("lstm@a-s{seed}-*/w.st") == {
        "class_path": "lstm",
        "data_paths": expected,
    }
    (tmp_path / "a-s2-u").mkdir()
    (tmp_path / "a-s2-u/w.st").touch()
    with pytest.raises(ConfigError, match=r'seed 2 has "a-s2-u/w\.st" and "a-s2-x/w\.st"'):
        find_files_by_training_seed("a-s{seed}-*/w.st")
    with pytest.raises(ConfigError, match=re.escape('no file "d-{seed}.st"')):
        find_files_by_training_seed("d-{seed}.st")
    with pytest.raises(ConfigError, match=re.escape("expected one {seed} in")):
        find_files_by_training_seed("{seed}/{seed}.st")


@pytest.mark.parametrize("keys", ["1: a, 0x1: b", "1: a, 1.0: b"])
def test_equal_keys_in_other_spellings_are_refused(keys):
    with pytest.raises(ConfigError, match="duplicate key"):
        parse_yaml(f"data_paths: {{{keys}}}", "x.yaml")


def test_merged_keys_may_repeat():
    text = "a: &base {x: 1, y: 2}\nb: {<<: *base, x: 3}"
    assert parse_yaml(text, "x.yaml")["b"] == {"x": 3, "y": 2}
