"""Bundles: equal bytes for equal input, proofs that hold, and damage that is found."""

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
from daf.deploy.archive import read_archive, unpack
from daf.deploy.contents import Bundle, Score
from daf.deploy.export import run_export
from daf.deploy.golden import STEPS, check_weight_checksums
from daf.deploy.verify import mean_probability, spread_probability, verify
from daf.evaluation.evaluate import evaluate
from daf.orchestrators.snakemake_command import snakemake_command
from daf.plan import make_plan
from daf.policies import Game, PolicySpec, make_policy
from tests.deploy.conftest import EVALUATION, FOREIGN, MISSION, as_bundle, packed

WITHOUT_DAFS_NEEDS = """
import sys
for name in ("numpy", "pandas", "pydantic", "scipy", "warp", "yaml"):
    sys.modules[name] = None
sys.path.insert(0, "")
"""


def test_the_same_in_another_folder_gives_the_same_bytes(bundle, tmp_path):
    again = packed(tmp_path / "other", "lstm", hidden_size=8)
    assert again.file.read_bytes() == bundle.file.read_bytes()


def test_a_sound_bundle_is_verified_by_the_command(bundle, capsys, monkeypatch):
    command = ["daf", "bundle", "verify", str(bundle.file), "--evaluate", "3"]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 0
    said = capsys.readouterr().out
    assert f"golden outputs: {STEPS} steps of 2 agents again, within 0.0001" in said
    assert "yard: " in said and said.endswith("verified\n")


def test_what_a_bundle_tells(bundle, members):
    about = Bundle.read(bundle.file).about
    assert (about.class_path, about.init_kwargs) == ("daf.policies.lstm:LSTM", {"hidden_size": 8})
    score = about.scores["yard"]
    assert score.mean == bundle.episodes["score"].mean() and score.episodes == 4
    assert about.game.features == Game.of(MISSION).features
    card = members["model_card.md"].decode()
    assert f"| yard | {score.mean:.2f} |" in card and about.provenance.weights in card


def flipped(data: bytes, byte: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[byte] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("byte, bit, said", [
    (-1, 7, r"golden outputs: step [0-9]+: (logits|values) differ by "),
    (-4, 0, r"golden outputs: the sum of the weights '.*' is another"),
], ids=["a sign", "a last digit"])  # fmt: skip
def test_one_flipped_bit_of_the_weights_fails_on_the_golden_outputs(
    byte, bit, said, members, repaired
):
    members["policy.safetensors"] = flipped(members["policy.safetensors"], byte, bit)
    found = verify(repaired(members))
    assert found.status == 1 and re.match(said, found.problems[0]), found


def test_every_bit_counts_in_the_sums(bundle):
    read = Bundle.read(bundle.file)
    chance = torch.Generator().manual_seed(0)
    for name, tensor in read.weights.items():
        for bit in range(32):
            bits = tensor.clone().view(torch.int32).reshape(-1)
            place = torch.randint(len(bits), (), generator=chance)
            bits[place] ^= -(2**31) if bit == 31 else 1 << bit
            changed = bits.view(torch.float32).view(tensor.shape)
            (problem,) = check_weight_checksums(read.golden, read.weights | {name: changed})
            assert f"'{name}'" in problem


def test_a_changed_byte_of_any_member_is_found(bundle, tmp_path):
    content, damaged = bundle.file.read_bytes(), tmp_path / "damaged.zip"
    with zipfile.ZipFile(bundle.file) as archive:
        infos = [info for info in archive.infolist() if info.file_size]
    assert len(infos) > 10
    for info in infos:
        begin = info.header_offset + 30 + len(info.filename)
        damaged.write_bytes(flipped(content, begin + info.file_size // 2, 0))
        with pytest.raises(ConfigError, match=f"CRC-32 for file '{info.filename}'"):
            verify(damaged)


def test_what_is_not_as_the_manifest_says_is_told_line_by_line(bundle, tmp_path):
    members, _ = read_archive(bundle.file)
    del members["play.py"]
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        for name, data in {**members, "extra.md": b"", "model_card.md": b"!"}.items():
            archive.writestr(name, data)
    assert verify(tmp_path / "odd.zip").problems == [
        "play.py: is missing",
        "extra.md: the manifest does not name it",
        "model_card.md: is not what the manifest says (its SHA-256 differs)",
    ]


@pytest.mark.parametrize("each, found", [
    ([5] * 64, True), ([0, 10] * 32, True), ([4, 5, 6, 5] * 16, False), ([3, 7] * 32, True),
])  # fmt: skip
def test_spreads_that_are_not_its_own_are_found(each, found):
    fresh = np.array([4.0, 5.0, 6.0, 5.0] * 12)
    assert (spread_probability(fresh, Score.of(each, 0.95)) < 0.0005) is found
    assert mean_probability(fresh, Score.of(each, 0.95)) == 1.0


def test_scores_of_one_policy_seldom_surprise():
    """Skewed and with ties, as scores are; the bar of both tests is one in two thousand."""
    chance = np.random.default_rng(7)
    drawn = [np.minimum(chance.geometric(0.2, (2, 40)), 12) for _ in range(300)]
    found = [spread_probability(a.astype(float), Score.of(b.tolist(), 0.95)) for a, b in drawn]
    assert sum(p < 0.05 for p in found) < 30
    assert min(found) > 0.0002


@pytest.mark.parametrize("class_path", ["os:system", "subprocess:getoutput", "policy_code:Mine"])
def test_a_class_that_is_none_of_a_bundle_is_refused(class_path, members, repaired):
    about = json.loads(members["policy.json"]) | {"class_path": class_path}
    members["policy.json"] = json.dumps(about).encode()
    (problem,) = verify(repaired(members), trust=True).problems
    assert f"key 'class_path': got \"{class_path}\"; accepted: " in problem


def test_code_that_is_not_dafs_own_runs_only_if_somebody_says_so(members, repaired, tmp_path):
    marker = tmp_path / "marker"
    members["play.py"] += f"\nopen({str(marker)!r}, 'w')\n".encode()
    file = repaired(members)
    found = verify(file)
    assert found.status == 3 and found.unverifiable[0].startswith("play.py: code that is not ")
    make_policy(PolicySpec("bundle", str(file)), Game.of(MISSION))
    assert not marker.exists()
    assert verify(file, trust=True).status == 0 and marker.exists()


def without_names(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=["policy", "run"])


def test_a_bundle_plays_as_its_weights_do(bundle):
    plan = make_plan(BenchmarkConfig(policies=(as_bundle(bundle.file),), missions=("assembler_1",)))
    (player,) = plan.policies.values()
    assert re.fullmatch("bundle-x-[0-9a-f]{8}", player.name) and not plan.runs
    episodes, _ = evaluate(player, MISSION, EVALUATION, weights=[str(bundle.file)])
    pd.testing.assert_frame_equal(without_names(episodes), without_names(bundle.episodes))


def test_a_policy_of_ones_own(foreign_bundle):
    assert verify(foreign_bundle.file).status == 3
    assert verify(foreign_bundle.file, trust=True, episodes=2).status == 0
    spec = PolicySpec("bundle", str(foreign_bundle.file))
    with pytest.raises(ConfigError, match=r"has code of its own \(policy_code.py\), which is run"):
        make_policy(spec, Game.of(MISSION))
    config = as_bundle(foreign_bundle.file, trust=True)
    player = foreign_bundle.player.model_copy(
        update={"class_path": "bundle", "init_kwargs": config.init_kwargs}
    )
    episodes, _ = evaluate(player, MISSION, EVALUATION, weights=[str(foreign_bundle.file)])
    pd.testing.assert_frame_equal(episodes, foreign_bundle.episodes)


def test_the_example_of_the_card_runs_with_torch_and_safetensors_alone(members, tmp_path):
    unpack(members, tmp_path / "here")
    [example] = re.findall(r"```python\n(.*?)```", members["model_card.md"].decode(), re.DOTALL)
    assert len(example.splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-E", "-P", "-c", WITHOUT_DAFS_NEEDS + example],
        cwd=tmp_path / "here",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    actions = json.loads(done.stdout)
    assert len(actions) == 2 and all(0 <= action < 5 for action in actions)


def test_the_exported_network_is_the_same_for_any_number_of_agents(bundle, tmp_path, capsys):
    program = tmp_path / "x.pt2"
    assert run_export(str(bundle.file), str(program), trust=False) == 0
    assert capsys.readouterr().out.endswith("it gives the golden outputs\n")
    exported = torch.export.load(program).module()
    golden = Bundle.read(bundle.file).golden
    seen = golden["observations"][:3].flatten(0, 1)
    logits, values, memory = exported(seen, torch.zeros(6, 16))
    torch.testing.assert_close(logits[:2], golden["logits"][0])
    torch.testing.assert_close(values[:2], golden["values"][0])
    assert memory.shape == (6, 16)


@pytest.mark.parametrize("policy, said", [
    ({"class_path": "bundle"}, "key 'data_path' is missing; a bundle is a file"),
    ({"class_path": "bundle", "data_path": "no.zip"}, 'no file "no.zip"; the zip file is needed'),
    ({"class_path": "bundle", "data_path": __file__}, "is no zip file, or not a plain one"),
], ids=["no file named", "no file", "no zip"])  # fmt: skip
def test_a_configuration_with_no_bundle(policy, said):
    config = BenchmarkConfig.parse({"policies": [policy], "missions": ["assembler_1"]}, "test")
    with pytest.raises(ConfigError, match=said):
        make_plan(config)


def test_a_bundle_for_another_game_is_refused(bundle):
    game = Game.of(MISSION.model_copy(update={"window_width": 9}))
    with pytest.raises(ConfigError, match="made for a game with another 'window'"):
        make_policy(PolicySpec("bundle", str(bundle.file)), game)


def test_a_policy_that_needs_more_than_a_bundle_has_is_not_packed(tmp_path):
    code = FOREIGN.replace("import torch", "import torch\nimport daf.missions")
    (tmp_path / "more.py").write_text(code)
    with pytest.raises(ConfigError, match=r"does not play from its bundle.*daf\.missions"):
        packed(tmp_path / "made", f"{tmp_path}/more.py:Mine")


def test_a_bundle_among_the_packages_is_played_and_not_packed(bundle, tmp_path):
    package = tmp_path / "results" / "deployments" / "other-s1.zip"
    package.parent.mkdir(parents=True)
    shutil.copyfile(bundle.file, package)
    study = {
        "policies": [{"class_path": "bundle", "data_path": "results/deployments/other-s1.zip"}],
        "missions": ["assembler_1"],
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    command = snakemake_command("evaluations", tmp_path / "study.yaml", "--dry-run")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert "rule evaluate" in told and "rule deploy" not in told
