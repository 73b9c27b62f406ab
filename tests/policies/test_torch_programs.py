"""Policies in files of `torch.export` and TorchScript."""

import warnings
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from daf.audit import VERIFIED, audit
from daf.config import AuditConfig, ConfigError
from daf.missions import load_mission
from daf.orchestrators import daf_run_comparison_pipeline
from daf.policies.chance import uniform
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.registry import PolicySpec, runs_foreign_code
from daf.policies.torch_programs import TorchProgramPolicy
from daf.policies.trainable import sample_actions

GAME = Game.of(load_mission("assembler_1"))
TOKENS = torch.randint(256, (6, GAME.num_tokens, 3), dtype=torch.uint8)
SEEDS = torch.arange(6)


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 5)

    def forward(self, observations):
        return self.layer(observations[:, :4].flatten(1) / 255)


class Counter(nn.Module):
    def forward(self, observations, recurrent_state):
        steps = recurrent_state + 1
        logits = torch.cat([steps, observations[:, 0, :].float() * 0 - 1, 0 * steps], 1)
        return logits, steps


def save_export(path: Path, module: nn.Module, *inputs: torch.Tensor) -> str:
    rows = torch.export.Dim.AUTO
    shapes = {0: rows}
    names = ("observations", "recurrent_state")[: len(inputs)]
    program = torch.export.export(module, inputs, dynamic_shapes={name: shapes for name in names})
    torch.export.save(program, path)
    return str(path)


def save_script(path: Path, module: nn.Module, *inputs: torch.Tensor) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(module, inputs), path)
    return str(path)


FORMATS = pytest.mark.parametrize("save, name", [(save_export, "a.pt2"), (save_script, "a.pt")])


@FORMATS
@pytest.mark.parametrize("greedy", [False, True])
def test_program_acts_like_its_module(save, name, greedy, tmp_path):
    actor = Actor()
    path = save(tmp_path / name, actor, TOKENS)
    policy = make_policy(PolicySpec("torch_program", path, {"trust": True, "greedy": greedy}), GAME)
    tokens, seeds = TOKENS[:4], SEEDS[:4]
    state = policy.initial_state(seeds)
    for step in range(3):
        actions, state = policy.act(tokens, state)
        logits = actor(tokens)
        expected = logits.argmax(1) if greedy else sample_actions(logits, uniform(seeds, step))
        assert torch.equal(actions, expected)


@FORMATS
def test_program_with_recurrent_state_and_fewer_tokens(save, name, tmp_path):
    path = save(tmp_path / name, Counter(), TOKENS[:, :7].contiguous(), torch.zeros(6, 1))
    arguments = {"trust": True, "num_tokens": 7, "state_size": 1}
    policy = make_policy(PolicySpec("torch_program", path, arguments), GAME)
    state = policy.initial_state(SEEDS)
    for step in range(3):
        assert state[2].tolist() == [[float(step)]] * 6
        _, state = policy.act(TOKENS, state)


class Harmful:
    def __reduce__(self):
        return Path.touch, (Path("executed"),)


def test_programs_need_trust(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(Harmful(), "harmful.pt2")
    with pytest.raises(ConfigError, match=r"requires init_kwargs \{trust: true\}"):
        make_policy(PolicySpec("torch_program", "harmful.pt2"), GAME)
    assert not Path("executed").exists()


def test_invalid_programs(tmp_path):
    path = tmp_path / "x.pt2"
    path.write_bytes(b"nothing")
    trusted = {"trust": True}
    with pytest.raises(ConfigError, match=r"not a program of torch\.export or TorchScript"):
        make_policy(PolicySpec("torch_program", str(path), trusted), GAME)
    torch.save({"a": torch.zeros(2)}, path)
    with pytest.raises(ConfigError, match=r"not a program of torch\.export or") as error:
        make_policy(PolicySpec("torch_program", str(path), trusted), GAME)
    assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match=r"key 'data_path' is missing; expected the \.pt2"):
        TorchProgramPolicy(GAME).initial_state(SEEDS)
    for name, size in (("num_tokens", 0), ("num_tokens", 1.5), ("state_size", -1)):
        with pytest.raises(ConfigError, match=f"key 'init_kwargs.{name}': got {size}; expected"):
            make_policy(PolicySpec("torch_program", None, {name: size}), GAME)
    fewer_tokens = save_export(path, Actor(), TOKENS[:, :9].contiguous())
    with pytest.raises(ConfigError, match=r"num_tokens: got 8; expected 9"):
        make_policy(PolicySpec("torch_program", fewer_tokens, trusted | {"num_tokens": 8}), GAME)


def test_comparison_and_audit(tmp_path, monkeypatch):
    """The two formats of one network have equal scores; an audit runs them with trust only."""
    monkeypatch.chdir(tmp_path)
    actor = Actor()
    policies = [
        {
            "name": save.__name__,
            "class_path": "torch_program",
            "data_path": save(tmp_path / name, actor, TOKENS),
            "init_kwargs": {"trust": True},
        }
        for save, name in ((save_export, "a.pt2"), (save_script, "b.pt"))
    ]
    result = daf_run_comparison_pipeline(
        policies=policies, missions=["assembler_1"], episodes_per_mission=2
    )
    assert result.status == "success", result.errors
    first, second = (
        pd.read_parquet(path).drop(columns=["policy", "run"])
        for path in sorted(Path("results/evaluations").rglob("*.parquet"))
    )
    pd.testing.assert_frame_equal(first, second)
    untrusting = audit("results", AuditConfig(share=1), print_line=lambda line: None)
    assert untrusting.verdict != VERIFIED
    config = AuditConfig(share=1, trust=("torch_program+code",))
    assert audit("results", config, print_line=lambda line: None).verdict == VERIFIED


class Faulty(nn.Module):
    """Logits of one constant, with K columns."""

    def __init__(self, value: float, num_columns: int):
        super().__init__()
        self.value, self.num_columns = value, num_columns

    def forward(self, observations):
        logits = observations[:, 0, :1].float().expand(-1, self.num_columns)
        return logits * 0 + self.value


@FORMATS
@pytest.mark.parametrize("module, message", [
    (Faulty(float("nan"), 5), "NaN or infinity"),
    (Faulty(float("inf"), 5), "NaN or infinity"),
    (Faulty(0.0, 200), r"got shape \[2, 200\]; expected \[2, K\] with K from 1 to"),
])  # fmt: skip
def test_logits_that_are_no_distribution(save, name, module, message, tmp_path):
    path = save(tmp_path / name, module, TOKENS)
    with pytest.raises(ConfigError, match=message) as error:
        make_policy(PolicySpec("torch_program", path, {"trust": True}), GAME)
    assert "\n" not in str(error.value)


def test_sizes_of_exported_programs(tmp_path):
    path = save_export(tmp_path / "a.pt2", Counter(), TOKENS[:, :7].contiguous(), torch.zeros(6, 1))
    policy = make_policy(PolicySpec("torch_program", path, {"trust": True}), GAME)
    assert (policy.num_tokens, policy.state_size) == (7, 1)
    for name, size in (("num_tokens", 8), ("state_size", 3)):
        with pytest.raises(ConfigError, match=f"{name}: got {size}; expected"):
            make_policy(PolicySpec("torch_program", path, {"trust": True, name: size}), GAME)
    stateless = save_export(tmp_path / "b.pt2", Actor(), TOKENS)
    with pytest.raises(ConfigError, match="the program has no recurrent state"):
        make_policy(PolicySpec("torch_program", stateless, {"trust": True, "state_size": 1}), GAME)


@pytest.mark.parametrize("class_path", [
    "torch_program",
    "daf.policies.torch_programs:TorchProgramPolicy",
    "daf.policies.torch_programs.TorchProgramPolicy",
])  # fmt: skip
def test_programs_are_foreign_code(class_path):
    assert runs_foreign_code(class_path, trusts_file_code=True)
    assert not runs_foreign_code(class_path)
