"""Policies of other libraries: actors with their weights, and ONNX programs."""

import pickle
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import safetensors.torch
import torch
from onnx import TensorProto, helper
from torch import nn

from daf.audit import VERIFIED, audit
from daf.config import AuditConfig, BenchmarkConfig, ConfigError
from daf.missions import load_mission
from daf.orchestrators import daf_run_comparison_pipeline
from daf.plan import make_plan
from daf.policies.actor import ActorPolicy
from daf.policies.chance import uniform
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.programs import ONNXPolicy
from daf.policies.registry import PolicySpec
from daf.policies.trainable import sample_actions

pytestmark = pytest.mark.extras

GAME = Game.of(load_mission("assembler_2"))
TOKENS = torch.randint(256, (6, GAME.num_tokens, 3), dtype=torch.uint8)
SEEDS = torch.arange(6)


class Linear(ActorPolicy):
    """Logits as a linear function of the first 4 tokens."""

    def __init__(self, game, device="cpu", **options):
        super().__init__(game, device, **options)
        self.layer = nn.Linear(12, 5)

    def forward(self, observations):
        return self.layer(observations[:, :4].flatten(1) / 255)


def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "pi.weight": torch.randn(5, 12, generator=generator),
        "pi.bias": torch.randn(5, generator=generator),
        "value.weight": torch.zeros(1, 12),
    }


NAMES = {"layer.weight": "pi.weight", "layer.bias": "pi.bias"}


def save(path, tensors) -> str:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return str(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
@pytest.mark.parametrize("greedy", [False, True])
def test_actor_acts_with_weights_of_other_names(suffix, greedy, tmp_path):
    actor = Linear(GAME, tensor_names=NAMES, greedy=greedy)
    actor.load(save(tmp_path / f"weights{suffix}", weights()))
    logits = TOKENS[:, :4].flatten(1) / 255 @ weights()["pi.weight"].T + weights()["pi.bias"]
    state = actor.initial_state(SEEDS)
    for step in range(3):
        actions, state = actor.act(TOKENS, state)
        expected = logits.argmax(1) if greedy else sample_actions(logits, uniform(SEEDS, step))
        assert torch.equal(actions, expected)


def test_nested_state_dicts_have_names_with_dots(tmp_path):
    nested = {"step": 7, "policy": {"pi": {k[3:]: v for k, v in weights().items() if "pi" in k}}}
    names = {name: f"policy.{other}" for name, other in NAMES.items()}
    actor = Linear(GAME, tensor_names=names)
    actor.load(save(tmp_path / "checkpoint.pt", nested))
    assert torch.equal(actor.layer.bias, weights()["pi.bias"])


class Harmful:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w | {"pi.weight": w["pi.weight"][:, :3].clone()}, r"'pi.weight': got shape"),
        (lambda w: {"value.weight": w["value.weight"]}, "no tensor 'pi.weight'; available: value"),
        (lambda w: w | {"pi.bias": w["pi.bias"] * float("nan")}, "'pi.bias' has NaN"),
        (lambda w: w | {"extra": Harmful()}, "not a state dict of plain tensors"),
        (lambda w: [1, 2], "got list; expected a state dict"),
    ],
)
def test_wrong_weights_are_refused_in_one_line(change, message, tmp_path, capsys):
    actor = Linear(GAME, tensor_names=NAMES)
    with pytest.raises(ValueError, match=message) as error:
        actor.load(save(tmp_path / "weights.pt", change(weights())))
    assert "\n" not in str(error.value) and "executed" not in capsys.readouterr().out


def test_files_that_are_no_weights(tmp_path):
    for name, content in (("a.pt", b"nothing"), ("b.safetensors", b""), ("c.pt", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            Linear(GAME).load(tmp_path / name)
    (tmp_path / "d.pt").write_bytes(pickle.dumps({"a": Harmful()}))
    with pytest.raises(ValueError, match="plain tensors"):
        Linear(GAME).load(tmp_path / "d.pt")


def test_unknown_tensor_names(tmp_path):
    actor = Linear(GAME, tensor_names={"layer.wheight": "pi.weight"})
    with pytest.raises(ValueError, match=r"tensor_names: got 'layer.wheight'; accepted: layer"):
        actor.load(save(tmp_path / "weights.pt", weights()))


def onnx_program(tmp_path, flat: bool, element_type: int, state_size: int = 0) -> str:
    """Write a linear program; with a state, it adds the state and counts it up."""
    shape = ["N", 12] if flat else ["N", 4, 3]
    inputs = [helper.make_tensor_value_info("obs", element_type, shape)]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 5])]
    constants = {
        "scale": np.float32(255),
        "kernel": weights()["pi.weight"].T.numpy(),
        "bias": weights()["pi.bias"].numpy(),
        "rows": np.array([-1, 12]),
        "one": np.ones(1, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["obs"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["number", "rows"], ["flat"]),
        helper.make_node("Div", ["flat", "scale"], ["scaled"]),
        helper.make_node("Gemm", ["scaled", "kernel", "bias"], ["linear"]),
    ]
    if state_size:
        inputs.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, ["N", state_size]))
        outputs.append(helper.make_tensor_value_info("next", TensorProto.FLOAT, ["N", state_size]))
        nodes.append(helper.make_node("Add", ["linear", "h"], ["logits"]))
        nodes.append(helper.make_node("Add", ["h", "one"], ["next"]))
    else:
        nodes.append(helper.make_node("Identity", ["linear"], ["logits"]))
    initializers = [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "actor", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = tmp_path / "actor.onnx"
    onnx.save(model, path)
    return str(path)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("element_type", [TensorProto.UINT8, TensorProto.FLOAT, TensorProto.INT64])
def test_onnx_program_acts(flat, element_type, tmp_path):
    spec = PolicySpec("onnx", onnx_program(tmp_path, flat, element_type))
    policy = make_policy(spec, GAME)
    logits = TOKENS[:, :4].flatten(1) / 255 @ weights()["pi.weight"].T + weights()["pi.bias"]
    state = policy.initial_state(SEEDS)
    for step in range(3):
        actions, state = policy.act(TOKENS, state)
        assert torch.equal(actions, sample_actions(logits, uniform(SEEDS, step)))


def test_onnx_program_with_recurrent_state(tmp_path):
    path = onnx_program(tmp_path, False, TensorProto.UINT8, state_size=1)
    policy = make_policy(PolicySpec("onnx", path, {"greedy": True}), GAME)
    state = policy.initial_state(SEEDS)
    for step in range(3):
        assert state[2].tolist() == [[float(step)]] * 6
        _, state = policy.act(TOKENS, state)


def test_onnx_program_without_next_state_is_refused(tmp_path):
    """Its logits are no recurrent state."""
    path = onnx_program(tmp_path, False, TensorProto.UINT8, state_size=5)
    model = onnx.load(path)
    del model.graph.output[1]
    onnx.save(model, path)
    with pytest.raises(ConfigError, match="got 1 output for 2 inputs; expected logits"):
        make_policy(PolicySpec("onnx", path), GAME)


def test_invalid_programs(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="not a valid ONNX program") as error:
        make_policy(PolicySpec("onnx", str(tmp_path / "x.onnx")), GAME)
    assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="key 'data_path' is missing"):
        ONNXPolicy(GAME).initial_state(SEEDS)
    wrong = helper.make_graph(
        [helper.make_node("Identity", ["obs"], ["logits"])],
        "wrong",
        [helper.make_tensor_value_info("obs", TensorProto.FLOAT, ["N", 7])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 7])],
    )
    model = helper.make_model(wrong, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "wrong.onnx")
    with pytest.raises(ConfigError, match=r"expected observations \[N, T, 3\] or \[N, T \* 3\]"):
        make_policy(PolicySpec("onnx", str(tmp_path / "wrong.onnx")), GAME)


ACTOR_FILE = """
from torch import nn
from daf.policies import ActorPolicy


class Linear(ActorPolicy):
    def __init__(self, game, device="cpu", **options):
        super().__init__(game, device, **options)
        self.layer = nn.Linear(12, 5)

    def forward(self, observations):
        return self.layer(observations[:, :4].flatten(1) / 255)
"""


def test_comparison_and_audit_of_policies_from_elsewhere(tmp_path, monkeypatch):
    """The actor and its ONNX program choose equal actions, so their scores are equal."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "actor.py").write_text(ACTOR_FILE)
    program = onnx_program(tmp_path, False, TensorProto.UINT8)
    policies = [
        {
            "class_path": "actor.py:Linear",
            "data_path": save(tmp_path / "linear.pt", weights()),
            "init_kwargs": {"tensor_names": NAMES},
        },
        {"class_path": "onnx", "data_path": program},
        "random",
    ]
    result = daf_run_comparison_pipeline(
        policies=policies, missions=["assembler_2"], episodes_per_mission=2
    )
    assert result.status == "success", result.failures
    tables = [
        pd.read_parquet(path) for path in sorted(Path("results/evaluations").rglob("*.parquet"))
    ]
    scores = {table["policy"][0]: table.drop(columns=["policy", "run"]) for table in tables}
    actor, program_name = sorted(name for name in scores if "random" not in name)
    pd.testing.assert_frame_equal(scores[actor], scores[program_name])
    config = AuditConfig(share=1, trust=("actor.py:Linear",))
    findings = audit("results", config, print_line=lambda line: None)
    assert findings.verdict == VERIFIED


def test_program_needs_a_file_and_other_policies_take_none():
    for policy, message in (
        ({"class_path": "onnx"}, "key 'data_path' is missing; expected the .onnx file"),
        ({"class_path": "random", "data_path": __file__}, "policy 'random' takes none"),
        ({"class_path": "onnx", "data_path": "no.onnx"}, 'no file "no.onnx"; expected the .onnx'),
    ):
        config = BenchmarkConfig.parse({"policies": [policy], "missions": ["assembler_1"]}, "test")
        with pytest.raises(ConfigError, match=message):
            make_plan(config)
