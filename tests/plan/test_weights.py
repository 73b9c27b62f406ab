"""Weights files in plans: names, labels and arguments follow their content."""

import shutil
from pathlib import Path

import pytest

from daf.config import ConfigError
from daf.missions import load_mission
from daf.policies import Game
from daf.policies.stateless import Stateless
from tests.plans import plan


def names(**changes) -> list[str]:
    return list(plan(**changes).runs)


def test_content_of_fixed_weights_is_in_the_name(tmp_path):
    path = tmp_path / "best.safetensors"
    network = Stateless(Game.of(load_mission("assembler_1")), hidden_size=4)
    instance_names = set()
    for value in (0.0, 1.0):
        network.critic.bias.data.fill_(value)
        network.save(path)
        made = plan(policies=[{
            "class_path": "stateless",
            "data_path": str(path),
            "init_kwargs": {"hidden_size": 4},
        }])  # fmt: skip
        assert not made.runs
        (instance,) = made.policies.values()
        assert instance.default_label == "stateless-best"
        assert made.weights == {instance.name: str(path)}
        instance_names.add(instance.name)
    assert len(instance_names) == 2


def save_weights(path: Path, bias: float = 0.0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    network = Stateless(Game.of(load_mission("assembler_1")), hidden_size=4)
    network.critic.bias.data.fill_(bias)
    network.save(path, {"hidden_size": 4})
    return str(path)


def test_init_kwargs_are_read_from_weights(tmp_path):
    weights = save_weights(tmp_path / "small.safetensors")
    (instance,) = plan(
        policies=[{"class_path": "stateless", "data_path": weights}]
    ).policies.values()
    assert instance.init_kwargs == {"hidden_size": 4}
    continued = plan(training={"initial_weights": weights})
    assert all(run.init_kwargs == {"hidden_size": 4} for run in continued.runs.values())


def test_each_weights_file_of_a_network_is_checked(tmp_path):
    small = {"class_path": "stateless", "init_kwargs": {"hidden_size": 4}}
    good = small | {"data_path": save_weights(tmp_path / "good.st")}
    broken = small | {
        "data_path": save_weights(tmp_path / "broken.st", float("nan")),
        "name": "broken",
    }
    wider = small | {"data_path": good["data_path"], "init_kwargs": {"hidden_size": 8}}
    untrained = small | {"train": False}
    assert len(plan(policies=[good, untrained]).policies) == 2
    for invalid, reason in ((broken, "NaN or infinite"), (wider | {"name": "wider"}, "got shape")):
        with pytest.raises(ConfigError, match=f"key 'policies.2': weights .*{reason}"):
            plan(policies=[good, untrained, invalid])


def test_initial_weights_are_identified_by_content(tmp_path):
    first, other = save_weights(tmp_path / "first.st"), save_weights(tmp_path / "other.st")
    copy = str(shutil.copy(first, tmp_path / "policy.safetensors"))
    made = {path: names(training={"initial_weights": path}) for path in (first, copy, other)}
    assert made[first] == made[copy]
    assert not set(made[first]) & set(made[other]) and not set(made[first]) & set(names())
    assert set(plan(training={"initial_weights": copy}).initial_weights.values()) == {copy}


def test_checkpoints_of_one_class_have_readable_labels(tmp_path):
    paths = [
        save_weights(tmp_path / "ckpt" / "v1.pt"),
        save_weights(tmp_path / "ckpt" / "v2.pt", 1.0),
        save_weights(tmp_path / "runs" / "stateless-s1-12345678" / "policy.safetensors", 2.0),
        save_weights(tmp_path / "sweeps" / "rates" / "policy.safetensors", 3.0),
        save_weights(tmp_path / "again" / "v1.pt", 4.0),
    ]
    labels = list(
        plan(policies=[{"class_path": "stateless", "data_path": p} for p in paths]).labels.values()
    )
    assert labels[1:4] == ["stateless-v2", "stateless-s1-12345678", "stateless-rates"]
    assert labels[0].startswith("stateless-v1-") and labels[4].startswith("stateless-v1-")
    assert len(set(labels)) == 5


def test_duplicate_policies_are_refused(tmp_path):
    weights = save_weights(tmp_path / "v1.pt")
    for policy in ("stateless", "random", {"class_path": "stateless", "data_path": weights}):
        with pytest.raises(ConfigError, match="two policies are called"):
            plan(policies=[policy, policy])
        again = {"class_path": policy} if isinstance(policy, str) else policy
        with pytest.raises(ConfigError, match="is the same as"):
            plan(policies=[policy, again | {"name": "other"}])


def test_label_of_an_untrained_network():
    made = plan(policies=["stateless", {"class_path": "stateless", "train": False}])
    assert list(made.policies)[-1] == "stateless-untrained"
    assert list(made.labels.values())[-1] == "stateless-untrained"
    assert len(made.runs) == 2
