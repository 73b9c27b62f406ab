"""Bundles: reproducible bytes, verification, and detection of damage."""

import json
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from daf.__main__ import main
from daf.config import BenchmarkConfig, ConfigError
from daf.deploy.archive import read_archive, unpack_members
from daf.deploy.contents import Bundle, Score
from daf.deploy.export import verify_and_export_network
from daf.deploy.golden import STEPS, describe_weight_checksum_mismatches
from daf.deploy.verify import compute_brown_forsythe_p_value, compute_welch_p_value, verify_bundle
from daf.evaluation.evaluate import evaluate
from daf.orchestrators.snakemake_command import snakemake_command
from daf.plan import make_plan
from daf.policies import Game, PolicySpec, make_policy
from tests.deploy.conftest import EVALUATION, FOREIGN, MISSION, as_bundle, packed

WITHOUT_DAF_PACKAGES = """
import sys
for name in ("numpy", "pandas", "pydantic", "scipy", "warp", "yaml"):
    sys.modules[name] = None
sys.path.insert(0, "")
"""


def test_bundle_is_reproducible(bundle, tmp_path):
    again = packed(tmp_path / "other", "lstm", hidden_size=8)
    assert again.file.read_bytes() == bundle.file.read_bytes()


def test_verify_command(bundle, capsys, monkeypatch):
    command = ["daf", "bundle", "verify", str(bundle.file), "--evaluate", "3"]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 0
    message = capsys.readouterr().out
    assert f"golden outputs: {STEPS} steps of 2 agents within 0.0001" in message
    assert "yard: " in message and message.endswith("verified\n")


def test_description_and_model_card(bundle, members):
    description = Bundle.read(bundle.file).description
    assert (description.class_path, description.init_kwargs) == (
        "daf.policies.lstm:LSTM",
        {"hidden_size": 8},
    )
    score = description.scores["yard"]
    assert score.mean == bundle.episodes["score"].mean() and score.episodes == 4
    assert description.game.features == Game.of(MISSION).features
    card = members["model_card.md"].decode()
    assert f"| yard | {score.mean:.2f} |" in card and description.provenance.weights in card


def flipped(data: bytes, byte: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[byte] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("byte, bit, message", [
    (-1, 7, r"golden outputs: step [0-9]+: (logits|values) differ by "),
    (-4, 0, r"golden outputs: checksum of the weights '.*' differs"),
], ids=["a sign", "a last digit"])  # fmt: skip
def test_flipped_weight_bit_is_detected(byte, bit, message, members, repaired):
    members["policy.safetensors"] = flipped(members["policy.safetensors"], byte, bit)
    verdict = verify_bundle(repaired(members))
    assert verdict.exit_status == 1 and re.match(message, verdict.problems[0]), verdict


def test_checksums_detect_every_bit(bundle):
    read = Bundle.read(bundle.file)
    chance = torch.Generator().manual_seed(0)
    for name, tensor in read.weights.items():
        for bit in range(32):
            bits = tensor.clone().view(torch.int32).reshape(-1)
            position = torch.randint(len(bits), (), generator=chance)
            bits[position] ^= -(2**31) if bit == 31 else 1 << bit
            changed = bits.view(torch.float32).view(tensor.shape)
            (problem,) = describe_weight_checksum_mismatches(
                read.golden, read.weights | {name: changed}
            )
            assert f"'{name}'" in problem


def test_changed_member_byte_is_detected(bundle, tmp_path):
    content, damaged = bundle.file.read_bytes(), tmp_path / "damaged.zip"
    with zipfile.ZipFile(bundle.file) as archive:
        infos = [info for info in archive.infolist() if info.file_size]
    assert len(infos) > 10
    for info in infos:
        data_start = info.header_offset + 30 + len(info.filename)
        damaged.write_bytes(flipped(content, data_start + info.file_size // 2, 0))
        with pytest.raises(ConfigError, match=f"CRC-32 for file '{info.filename}'"):
            verify_bundle(damaged)


def test_differences_from_manifest(bundle, tmp_path):
    members, _ = read_archive(bundle.file)
    del members["play.py"]
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        for name, data in {**members, "extra.md": b"", "model_card.md": b"!"}.items():
            archive.writestr(name, data)
    assert verify_bundle(tmp_path / "odd.zip").problems == [
        "play.py: is missing",
        "extra.md: is not in the manifest",
        "model_card.md: SHA-256 differs from the manifest",
    ]


@pytest.mark.parametrize("hearts, differs", [
    ([5] * 64, True), ([0, 10] * 32, True), ([4, 5, 6, 5] * 16, False), ([3, 7] * 32, True),
])  # fmt: skip
def test_spread_p_value(hearts, differs):
    fresh = np.array([4.0, 5.0, 6.0, 5.0] * 12)
    assert (
        compute_brown_forsythe_p_value(fresh, Score.from_hearts(hearts, 0.95)) < 0.0005
    ) is differs
    assert compute_welch_p_value(fresh, Score.from_hearts(hearts, 0.95)) == 1.0


def test_false_positive_rate():
    """Scores are skewed and have ties; the significance level of each test is 0.0005."""
    chance = np.random.default_rng(7)
    drawn = [np.minimum(chance.geometric(0.2, (2, 40)), 12) for _ in range(300)]
    p_values = [
        compute_brown_forsythe_p_value(a.astype(float), Score.from_hearts(b.tolist(), 0.95))
        for a, b in drawn
    ]
    assert sum(p < 0.05 for p in p_values) < 30
    assert min(p_values) > 0.0002


@pytest.mark.parametrize("class_path", ["os:system", "subprocess:getoutput", "policy_code:Mine"])
def test_foreign_class_path_is_rejected(class_path, members, repaired):
    description = json.loads(members["policy.json"]) | {"class_path": class_path}
    members["policy.json"] = json.dumps(description).encode()
    (problem,) = verify_bundle(repaired(members), trust_code=True).problems
    assert f"key 'class_path': got \"{class_path}\"; accepted: " in problem


def test_changed_code_needs_trust(members, repaired, tmp_path):
    marker = tmp_path / "marker"
    members["play.py"] += f"\nopen({str(marker)!r}, 'w')\n".encode()
    file = repaired(members)
    verdict = verify_bundle(file)
    assert verdict.exit_status == 3 and verdict.unverifiable[0].startswith(
        "play.py: code differs from "
    )
    make_policy(PolicySpec("bundle", str(file)), Game.of(MISSION))
    assert not marker.exists()
    assert verify_bundle(file, trust_code=True).exit_status == 0 and marker.exists()


def without_names(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=["policy", "run"])


def test_bundle_policy_equals_its_weights(bundle):
    plan = make_plan(BenchmarkConfig(policies=(as_bundle(bundle.file),), missions=("assembler_1",)))
    (instance,) = plan.policies.values()
    assert re.fullmatch("bundle-x-[0-9a-f]{8}", instance.name) and not plan.runs
    episodes, _ = evaluate(instance, MISSION, EVALUATION, weights_files=[str(bundle.file)])
    pd.testing.assert_frame_equal(without_names(episodes), without_names(bundle.episodes))


def test_user_policy(foreign_bundle):
    assert verify_bundle(foreign_bundle.file).exit_status == 3
    assert (
        verify_bundle(foreign_bundle.file, trust_code=True, episodes_per_mission=2).exit_status == 0
    )
    spec = PolicySpec("bundle", str(foreign_bundle.file))
    with pytest.raises(ConfigError, match=r"runs foreign code \(policy_code.py\)"):
        make_policy(spec, Game.of(MISSION))
    config = as_bundle(foreign_bundle.file, trust=True)
    instance = foreign_bundle.instance.model_copy(
        update={"class_path": "bundle", "init_kwargs": config.init_kwargs}
    )
    episodes, _ = evaluate(instance, MISSION, EVALUATION, weights_files=[str(foreign_bundle.file)])
    pd.testing.assert_frame_equal(episodes, foreign_bundle.episodes)


def test_model_card_example(members, tmp_path):
    unpack_members(members, tmp_path / "here")
    [example] = re.findall(r"```python\n(.*?)```", members["model_card.md"].decode(), re.DOTALL)
    assert len(example.splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-E", "-P", "-c", WITHOUT_DAF_PACKAGES + example],
        cwd=tmp_path / "here",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    actions = json.loads(done.stdout)
    assert len(actions) == 2 and all(0 <= action < 5 for action in actions)


@pytest.mark.parametrize("policy, state_size", [("lstm", 16), ("mingru", 8)])
def test_export(policy, state_size, tmp_path, capsys):
    bundle = packed(tmp_path / "made", policy, hidden_size=8)
    program = tmp_path / "x.pt2"
    assert verify_and_export_network(str(bundle.file), str(program), trust_code=False) == 0
    assert capsys.readouterr().out.endswith("it reproduces the golden outputs\n")
    exported = torch.export.load(program).module()
    golden = Bundle.read(bundle.file).golden
    seen = golden["observations"][:3].flatten(0, 1)
    logits, values, memory = exported(seen, torch.zeros(6, state_size))
    torch.testing.assert_close(logits[:2], golden["logits"][0])
    torch.testing.assert_close(values[:2], golden["values"][0])
    assert memory.shape == (6, state_size)


@pytest.mark.parametrize("policy, message", [
    ({"class_path": "bundle"}, "key 'data_path' is missing; expected the zip file"),
    ({"class_path": "bundle", "data_path": "no.zip"}, 'no file "no.zip"; expected the zip file'),
    ({"class_path": "bundle", "data_path": __file__}, "is not a plain zip file"),
], ids=["no file named", "no file", "no zip"])  # fmt: skip
def test_configuration_without_bundle(policy, message):
    config = BenchmarkConfig.parse({"policies": [policy], "missions": ["assembler_1"]}, "test")
    with pytest.raises(ConfigError, match=message):
        make_plan(config)


def test_bundle_of_another_game(bundle):
    game = Game.of(MISSION.model_copy(update={"window_width": 9}))
    with pytest.raises(ConfigError, match="made for a game with another 'window'"):
        make_policy(PolicySpec("bundle", str(bundle.file)), game)


def test_policy_with_other_imports_is_not_packed(tmp_path):
    code = FOREIGN.replace("import torch", "import torch\nimport daf.missions")
    (tmp_path / "more.py").write_text(code)
    with pytest.raises(
        ConfigError, match=r"its bundle does not reproduce its outputs.*daf\.missions"
    ):
        packed(tmp_path / "made", f"{tmp_path}/more.py:Mine")


def test_bundle_policy_is_not_packed_again(bundle, tmp_path):
    package = tmp_path / "results" / "deployments" / "other-s1.zip"
    package.parent.mkdir(parents=True)
    shutil.copyfile(bundle.file, package)
    config = {
        "policies": [{"class_path": "bundle", "data_path": "results/deployments/other-s1.zip"}],
        "missions": ["assembler_1"],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    command = snakemake_command(["evaluations"], tmp_path / "config.yaml", "--dry-run")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    output = done.stdout + done.stderr
    assert "rule evaluate" in output and "rule deploy" not in output
