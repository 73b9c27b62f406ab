"""Well-formed but impossible configurations, which fail before any job starts."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
import yaml

from daf.config import BenchmarkConfig
from daf.jobs.environment_check import run_machine_checks
from daf.missions import built_in_missions, load_mission
from daf.plan import make_plan
from daf.policies import Game
from daf.policies.stateless import Stateless

SHORT = (
    "accepted: baseline, bundle, lstm, mingru, noop, onnx, random, stateless, torch_program, "
    "or package.module:Class, or file.py:Class"
)
MISSIONS = f"accepted: {', '.join(built_in_missions())}, or the path of a .yaml file"
MAP = "map: ['####', '#@.#', '####']\n"
POLICY = """
import torch
from daf.policies import Policy

class Still(Policy):
    def act(self, observations, state):
        return torch.zeros(len(observations), dtype=torch.int64), None

class Picky(Still):
    def __init__(self, game, device="cpu", taste=None):
        super().__init__(game, device)
        self.taste = {"sweet": 1}[taste]

class Unfinished(Policy):
    pass

class Tool:
    pass
"""


def config(policies, missions=("assembler_1",), **settings) -> BenchmarkConfig:
    data = {"policies": policies, "missions": list(missions), **settings}
    return BenchmarkConfig.parse(data, "config.yaml")


INVALID = {
    "typo": ("lstmm", f"unknown policy \"lstmm\"; did you mean 'lstm'? {SHORT}"),
    "file alone": ("mine.py", f'unknown policy "mine.py"; {SHORT}'),
    "no file": ("yours.py:Still", "policy 'yours.py:Still': no file yours.py"),
    "no class": ("mine.py:Stil", "policy 'mine.py:Stil': 'Stil' does not exist; "
        "policies in mine.py: Picky, Still, Unfinished"),
    "no policy": ("mine.py:Tool", "policy 'mine.py:Tool': 'Tool' is not a daf.policies.Policy; "
        "policies in mine.py: Picky, Still, Unfinished"),
    "not in our module": ("daf.policies.stateless:Nope",
        "policy 'daf.policies.stateless:Nope': 'Nope' does not exist; "
        "policies in daf.policies.stateless: Stateless, TrainablePolicy"),
    "no module": ("nowhere.at_all:Nope", "policy 'nowhere.at_all:Nope': cannot import "
        "'nowhere.at_all' (ModuleNotFoundError: No module named 'nowhere')"),
    "constructor raises": ({"class_path": "mine.py:Picky", "init_kwargs": {"taste": "sour"}},
        "policy 'mine.py:Picky': cannot be built with init_kwargs {\"taste\": \"sour\"} "
        "(KeyError: 'sour'); accepted init_kwargs: taste"),
    "unknown argument": ({"class_path": "lstm", "init_kwargs": {"hiden_size": 3}},
        "policy 'lstm': unknown key 'init_kwargs.hiden_size'; did you mean 'hidden_size'? "
        "accepted: hidden_size, glyphs"),
    "argument for none": ({"class_path": "noop", "init_kwargs": {"speed": 3}},
        "policy 'noop': unknown key 'init_kwargs.speed'; accepted: none"),
    "too many glyphs": ({"class_path": "random", "init_kwargs": {"glyphs": 155}},
        "policy 'random': cannot be built with init_kwargs {\"glyphs\": 155} (ValueError: glyphs: "
        "got 155; expected 0 to 154); accepted init_kwargs: glyphs"),
    "training of a fixed policy": ({"class_path": "random", "training": {"steps": 3}},
        "policy 'random' is not trained here: key 'training': got {\"steps\": 3}; leave it out"),
    "weights for none": ({"class_path": "random", "data_path": "w.safetensors"},
        "key 'data_path': got \"w.safetensors\"; policy 'random' takes none, it has no weights"),
    "no weights file": ({"class_path": "lstm", "data_path": "w.safetensors"},
        "key 'data_path': no file \"w.safetensors\"; expected the weights file"),
    "wrong override": ({"class_path": "lstm", "training": {"step": 3}},
        "key 'training': unknown key 'step'; did you mean 'steps'? accepted: anneal, "
        "anneal_steps, checkpoint_every, clip, critic, curriculum, end_at_ceiling, "
        "entropy_coef, epochs, evaluate_episodes, evaluate_every, evaluate_greedy, "
        "final_teacher_share, gae_lambda, gamma, initial_weights, "
        "keep_best, learning_rate, max_grad_norm, minibatches, missions, precision, "
        "reference_kl_coef, reference_kl_steps, rollout_length, shaping, steps, stop_when, "
        "teacher, teacher_share_steps, teacher_steps, "
        "value_coef, value_warmup_steps, world_shares, worlds"),
    "wrong value of an override": ({"class_path": "lstm", "training": {"steps": "many"}},
        "key 'training': key 'steps': got \"many\"; expected a whole number"),
    "mission of an override": ({"class_path": "lstm", "training": {"missions": ["assembler_3"]}},
        "key 'training.missions.0': unknown mission \"assembler_3\"; did you mean 'assembler_2'? "
        f"{MISSIONS}"),
}  # fmt: skip


@pytest.fixture
def plan_refused(refused, tmp_path, monkeypatch):
    """Return a function from a configuration to its error; it checks that no file changes."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(POLICY)

    def message_of(policies, missions=("assembler_1",), **settings) -> str:
        before = sorted(Path().rglob("*"))
        parsed = config(policies, missions, **settings)
        line = refused(make_plan, parsed, "config.yaml")
        assert [p for p in sorted(Path().rglob("*")) if "__pycache__" not in p.parts] == before
        source, _, message = line.partition(": ")
        assert source == "config.yaml"
        return message

    return message_of


@pytest.mark.parametrize("name", INVALID)
def test_message(name, plan_refused):
    policy, message = INVALID[name]
    assert plan_refused([policy]) == f"key 'policies.0': {message}"


def test_policy_without_act(plan_refused):
    line = plan_refused(["mine.py:Unfinished"])
    assert line.startswith(
        "key 'policies.0': policy 'mine.py:Unfinished': cannot be built with init_kwargs {} "
        "(TypeError: Can't instantiate abstract class Unfinished "
    )
    assert line.endswith("; accepted init_kwargs: none")


@pytest.mark.parametrize("content, problem", [
    ("import nothing_of_that_name\n",
        "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    ("1 / 0\n", "ZeroDivisionError: division by zero"),
    ("raise SystemExit('done')\n", "SystemExit: done"),
])  # fmt: skip
def test_file_that_fails_on_import(content, problem, plan_refused):
    Path("broken.py").write_text(content)
    assert plan_refused(["broken.py:Mine"]) == (
        "key 'policies.0': policy 'broken.py:Mine': broken.py fails on import (" + problem + ")"
    )


def test_duplicate_policy_name(plan_refused):
    assert plan_refused(["random", {"class_path": "noop", "name": "random"}]) == (
        "key 'policies.1': two policies are called 'random'; give this one another 'name'"
    )


def test_unknown_shaping_statistic(plan_refused):
    line = plan_refused(["random", "lstm"], training={"shaping": {"made_hart": 1}})
    assert line.startswith(
        "key 'policies.1': key 'training.shaping': unknown statistic 'made_hart' for mission "
        "assembler_1; did you mean 'made_heart'? accepted: hearts_stored, hearts_deposited, "
    )


def test_unknown_mission(plan_refused):
    assert plan_refused(["random"], ["assembler_2", "assembler_9"]) == (
        f"key 'missions.1': unknown mission \"assembler_9\"; did you mean 'assembler_2'? {MISSIONS}"
    )


def test_missing_mission_file(plan_refused):
    assert plan_refused(["random"], ["maps/mine.yaml"]) == (
        "key 'missions.0': maps/mine.yaml: cannot be read (No such file or directory)"
    )


def test_invalid_mission_file(plan_refused):
    Path("mine.yaml").write_text("map: ['@?']\n")
    assert plan_refused(["random"], ["mine.yaml"]).startswith(
        "key 'missions.0': mine.yaml: key 'map': unknown character \"?\" in row 1; accepted: "
    )


def test_endless_mission(plan_refused):
    Path("mine.yaml").write_text(MAP + "max_steps: 0\n")
    assert plan_refused(["random"], ["mine.yaml"]) == (
        "mission mine: key 'max_steps': got 0 (endless); expected at least 1"
    )


def test_duplicate_mission_name(plan_refused):
    Path("assembler_1.yaml").write_text(MAP)
    assert plan_refused(["random"], ["assembler_1", "assembler_1.yaml"]) == (
        "key 'missions': two are named 'assembler_1'; rename one"
    )


def test_trained_policy_needs_equal_windows(plan_refused):
    Path("narrow.yaml").write_text(MAP + "window_width: 7\n")
    assert plan_refused(["random", "lstm"], ["assembler_1", "narrow.yaml"]) == (
        "key 'policies.1': missions assembler_1 and narrow differ in window_width (11 and 7); "
        "one policy cannot act in both"
    )


def test_results_is_a_file(plan_refused):
    Path("results").write_text("precious")
    assert plan_refused(["random"]) == (f"{Path('results').resolve()} is a file; expected a folder")
    assert Path("results").read_text() == "precious"


def test_invalid_weights_file_with_special_name(plan_refused):
    Path("my <b>.safetensors").write_bytes(b"")
    assert plan_refused([{"class_path": "lstm", "data_path": "my <b>.safetensors"}]) == (
        "key 'policies.0': weights my <b>.safetensors: not a readable safetensors file "
        "(its header is truncated or too long)"
    )


# Weights: a valid file of a small network, damaged by each test.


@pytest.fixture
def weights(tmp_path) -> Path:
    policy = Stateless(Game.of(load_mission("assembler_1")), hidden_size=8)
    policy.save(tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def stateless(hidden_size: int) -> list[dict]:
    arguments = {"hidden_size": hidden_size}
    return [{"class_path": "stateless", "data_path": "w.safetensors", "init_kwargs": arguments}]


def test_good_weights_are_accepted(weights, monkeypatch):
    monkeypatch.chdir(weights.parent)
    assert len(make_plan(config(stateless(8))).policies) == 1


@pytest.mark.parametrize("damage", ["truncated", "random", "pickle", "empty"])
def test_damaged_weights(damage, weights, plan_refused):
    content = weights.read_bytes()
    if damage == "pickle":
        torch.save({"weight": torch.zeros(2)}, weights)
    else:
        noise = bytes(range(256)) * 8
        parts = {"truncated": content[: len(content) // 2], "random": noise, "empty": b""}
        weights.write_bytes(parts[damage])
    start = "key 'policies.0': weights w.safetensors: not a readable safetensors file ("
    assert plan_refused(stateless(8)).startswith(start)


def test_weights_of_another_layer_width(weights, plan_refused):
    line = plan_refused(stateless(16))
    assert line.startswith("key 'policies.0': weights w.safetensors: '")
    assert line.endswith("; check init_kwargs and missions")
    assert "8" in line.split("got shape ")[1].split(";")[0]
    assert "16" in line.split("; expected ")[1]


def test_weights_of_another_network(weights, plan_refused):
    line = plan_refused([{"class_path": "lstm", "data_path": "w.safetensors"}])
    assert line == (
        "key 'policies.0': weights w.safetensors: weights of another network "
        "('hidden.bias' is not in both)"
    )


def test_nonfinite_weights(weights, plan_refused):
    tensors = safetensors.torch.load_file(weights)
    tensors["critic.weight"][0, 3] = float("nan")
    safetensors.torch.save_file(tensors, weights)
    assert plan_refused(stateless(8)) == (
        "key 'policies.0': weights w.safetensors: 'critic.weight' has NaN or infinite values"
    )


def test_too_little_disk(tmp_path):
    result = run_machine_checks(tmp_path / "results", needed_disk_mb=1e12, device="cpu")
    checks = {check["name"]: check for check in result["checks"]}
    assert not result["ok"]
    assert [name for name, check in checks.items() if not check["ok"]] == ["disk"]
    assert checks["disk"]["needed"] == "1000000000000 MB free"
    assert checks["disk"]["found"].endswith(f"MB free in {(tmp_path / 'results').resolve()}")


def test_example_configuration_is_valid(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(POLICY)
    Path("config.yaml").write_text(
        yaml.safe_dump({"policies": ["mine.py:Still"], "missions": ["assembler_1"]})
    )
    (instance,) = make_plan(BenchmarkConfig.from_yaml("config.yaml")).policies.values()
    assert instance.default_label == "Still" and instance.name.startswith("Still-")
