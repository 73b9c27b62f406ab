"""Sweeps through Snakemake: rounds, what is trained again, what a kill changes."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from daf.audit import VERIFIED, audit
from daf.config import AuditConfig
from daf.orchestrators.snakemake_command import snakemake_command

pytestmark = pytest.mark.slow

TRAINING = {"worlds": 4, "rollout_length": 16, "minibatches": 1, "epochs": 1}
HALVING = {
    "name": "halving",
    "policy_class_path": "stateless",
    "missions": ["assembler_1"],
    "strategy": "halving",
    "search_space": {"learning_rate": [0.001, 0.003, 0.01], "hidden_size": [8]},
    "num_training_steps": 576,
    "training": TRAINING,
    "episodes_per_trial": 2,
    "keep_best": 1,
    "confirmation": {"training_seeds": [5, 6]},
    "execution": {"device": "cpu"},
}
BAYESIAN = HALVING | {
    "name": "model",
    "strategy": "bayesian",
    "search_space": {"learning_rate": {"min": 1e-4, "max": 1e-1, "log": True}},
    "num_trials": 6,
    "trials_per_round": 1,
    "execution": {"device": "cpu", "save_seconds": 0.2},
}


def start(folder: Path, config: dict) -> subprocess.Popen:
    (folder / "sweep.yaml").write_text(yaml.safe_dump(config))
    command = snakemake_command("sweep", Path("sweep.yaml"), "--cores", "2")
    with open(folder / "output.txt", "w") as output:
        return subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )


def swept(folder: Path, config: dict) -> list[str]:
    """Make a sweep; returns the rules of the jobs that were done for it."""
    process = start(folder, config)
    printed = (folder / "output.txt").read_text
    assert process.wait() == 0, printed()
    lines = (line.split()[-1].rstrip(":") for line in printed().splitlines()
             if line.startswith(("localrule ", "localcheckpoint ")))  # fmt: skip
    return [line for line in lines if line != "sweep"]


def contents(folder: Path) -> dict[str, bytes]:
    """Of what a sweep finds, and of all trainings and evaluations."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.suffix in (".parquet", ".json", ".safetensors", ".yaml")
        and not path.name.endswith(".prov.json")
    }


@pytest.fixture(scope="module")
def halved(tmp_path_factory) -> Path:
    """A folder in which a sweep by halving was made; copy it to change it."""
    folder = tmp_path_factory.mktemp("halved")
    rules = swept(folder, HALVING)
    assert [rules.count(rule) for rule in ("train", "propose", "rank", "conclude")] == [6, 1, 1, 1]
    return folder


@pytest.fixture
def folder(halved, tmp_path) -> Path:
    return Path(shutil.copytree(halved, tmp_path / "copy"))


def test_a_sweep_of_an_edited_mission_is_searched_anew(tmp_path):
    """Also from another working directory, with the proposals of the old mission in the folder."""
    results = str(tmp_path / "results")
    mission = "{extends: assembler_1, description: A short day., max_steps: %d}"
    for name, place, steps in (("a", results, 40), ("b", results, 60), ("fresh", None, 60)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "short.yaml").write_text(mission % steps)
        execution = {"device": "cpu"} | ({"results_dir": place} if place else {})
        rules = swept(
            tmp_path / name, HALVING | {"missions": ["short.yaml"], "execution": execution}
        )
        assert [rules.count(rule) for rule in ("train", "propose", "rank")] == [6, 1, 1]
    found, fresh = tmp_path, tmp_path / "fresh"
    assert contents(fresh).items() <= contents(found).items()


def test_survivors_go_on_and_the_best_is_confirmed(halved):
    found = json.loads((halved / "results/sweeps/halving/search.json").read_text())
    trials = pd.read_parquet(halved / "results/sweeps/halving/trials.parquet")
    assert trials["steps"].tolist() == [576, 192, 192]
    run = found["best"]["run"]
    log = (halved / "results/logs/train" / f"{run}.log").read_text()
    assert f"{run}: goes on after update 3 of 9" in log, "it does not start over"
    best = trials["trial"][0]
    assert [item["trial"] for item in found["confirmation"]] == [best]
    assert found["confirmation"][0]["n_units"] == 2
    report = (halved / "results/sweeps/halving/report.html").read_text()
    assert best in report and "Trials by rung: 3, then 1." in report
    assert "snakemake sweep --configfile sweep.yaml" in report and str(halved) not in report


def test_trials_that_share_jobs_come_to_the_same(halved, tmp_path):
    """Those of a round, and those of the confirmation; what is left over has a job of its own."""
    shared = HALVING | {"execution": {"device": "cpu", "runs_per_job": 2}}
    rules = swept(tmp_path, shared)
    assert [rules.count(rule) for rule in ("train_colocated", "train")] == [2, 6]
    assert contents(tmp_path) == contents(halved)
    assert swept(tmp_path, HALVING) == [], "how many share a job re-makes nothing"


def test_the_second_call_does_nothing(folder):
    assert swept(folder, HALVING) == []


def test_what_is_changed_trains_only_what_is_new(folder):
    """A further value, more finalists, another eta."""
    space = HALVING["search_space"] | {"learning_rate": [0.001, 0.003, 0.01, 0.02]}
    grid = {"strategy": "grid", "search_space": space, "num_training_steps": 192, "name": "grid",
            "training": TRAINING | {"steps": 192, "anneal_steps": 576}}  # fmt: skip
    more = swept(folder, HALVING | grid)
    assert more.count("train") == 1 + 2, "one trial, and the confirmation at so many steps"
    assert swept(folder, HALVING | {"keep_best": 2}).count("train") == 2
    rules = swept(folder, HALVING | {"eta": 2.9})
    assert rules.count("train") <= 4 and rules.count("propose") == 1


def test_the_same_proposals_elsewhere(folder):
    """The audit does every job again from its recorded inputs alone."""
    moved = folder.rename(folder.with_name("moved")) / "results"
    found = audit(moved, AuditConfig(share=1, retrain="all"), report=lambda line: None)
    assert found.verdict == VERIFIED, found.summary()
    again = {f.file for f in found.findings if "made again" in f.checked}
    names = ("rounds/1.json", "trials.parquet", "finalists.json", "search.json", "report.html")
    assert {f"sweeps/halving/{name}" for name in names} <= again


def test_kills_in_any_round(tmp_path):
    unharmed = tmp_path / "unharmed"
    unharmed.mkdir()
    begin = time.monotonic()
    rules = swept(unharmed, BAYESIAN)
    seconds = time.monotonic() - begin
    assert (rules.count("propose"), rules.count("train")) == (3, 8)
    chance = random.Random(1)
    for number in range(int(os.environ.get("DAF_KILLS", "10"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        for _ in range(2):
            process = start(folder, BAYESIAN)
            try:
                process.wait(chance.uniform(1.0, seconds))
            except subprocess.TimeoutExpired:
                if chance.random() < 0.5:
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
                process.wait()
        swept(folder, BAYESIAN)
        assert contents(folder) == contents(unharmed), number
