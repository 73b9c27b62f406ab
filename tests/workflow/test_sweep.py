"""Sweep workflows: rounds, reuse of trials, and kills."""

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
    command = snakemake_command(["sweep"], Path("sweep.yaml"), "--cores", "2", "--printshellcmds")
    with open(folder / "output.txt", "w") as output:
        return subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )


def run_sweep(folder: Path, config: dict) -> list[str]:
    """Run a sweep and return the rules of the executed jobs."""
    process = start(folder, config)
    printed = (folder / "output.txt").read_text
    assert process.wait() == 0, printed()
    lines = (line.split()[-1].rstrip(":") for line in printed().splitlines()
             if line.startswith(("localrule ", "localcheckpoint ")))  # fmt: skip
    return [line for line in lines if line != "sweep"]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of all results by path, without sidecars."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.suffix in (".parquet", ".json", ".safetensors", ".yaml")
        and not path.name.endswith(".prov.json")
    }


@pytest.fixture(scope="module")
def finished_sweep(tmp_path_factory) -> Path:
    """Folder with a finished sweep by successive halving; tests copy it."""
    folder = tmp_path_factory.mktemp("halved")
    rules = run_sweep(folder, HALVING)
    assert [rules.count(rule) for rule in ("train", "propose", "rank", "conclude")] == [6, 1, 1, 1]
    return folder


@pytest.fixture
def folder(finished_sweep, tmp_path) -> Path:
    return Path(shutil.copytree(finished_sweep, tmp_path / "copy"))


def test_edited_mission_restarts_the_sweep(tmp_path):
    """The results folder contains proposals for the old mission."""
    results = str(tmp_path / "results")
    mission = "{extends: assembler_1, description: A short day., max_steps: %d}"
    for name, results_dir, steps in (("a", results, 40), ("b", results, 60), ("fresh", None, 60)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "short.yaml").write_text(mission % steps)
        execution = {"device": "cpu"} | ({"results_dir": results_dir} if results_dir else {})
        rules = run_sweep(
            tmp_path / name, HALVING | {"missions": ["short.yaml"], "execution": execution}
        )
        assert [rules.count(rule) for rule in ("train", "propose", "rank")] == [6, 1, 1]
    result, fresh = tmp_path, tmp_path / "fresh"
    assert contents(fresh).items() <= contents(result).items()


def test_survivors_resume_and_the_best_is_confirmed(finished_sweep):
    result = json.loads((finished_sweep / "results/sweeps/halving/search.json").read_text())
    trials = pd.read_parquet(finished_sweep / "results/sweeps/halving/trials.parquet")
    assert trials["steps"].tolist() == [576, 192, 192]
    run = result["best"]["run"]
    log = (finished_sweep / "results/logs/train" / f"{run}.log").read_text()
    assert f"{run}: resuming from update 3 of 9" in log, "it resumes"
    best = trials["trial"][0]
    assert [item["trial"] for item in result["confirmation"]] == [best]
    assert result["confirmation"][0]["n_units"] == 2
    report = (finished_sweep / "results/sweeps/halving/report.html").read_text()
    assert best in report and "Number of trials per rung: 3, 1." in report
    assert "snakemake sweep --configfile sweep.yaml" in report and str(finished_sweep) not in report


def test_colocated_trials_give_equal_results(finished_sweep, tmp_path):
    """Trials of a round and of the confirmation are co-located in pairs."""
    shared = HALVING | {"execution": {"device": "cpu", "runs_per_job": 2}}
    rules = run_sweep(tmp_path, shared)
    assert [rules.count(rule) for rule in ("train_colocated", "train")] == [2, 6]
    assert contents(tmp_path) == contents(finished_sweep)
    assert run_sweep(tmp_path, HALVING) == [], "runs_per_job does not change results"


def test_second_call_runs_no_job(folder):
    assert run_sweep(folder, HALVING) == []


def test_changed_sweep_trains_only_new_trials(folder):
    """A new value, more finalists, another eta."""
    space = HALVING["search_space"] | {"learning_rate": [0.001, 0.003, 0.01, 0.02]}
    grid = {"strategy": "grid", "search_space": space, "num_training_steps": 192, "name": "grid",
            "training": TRAINING | {"steps": 192, "anneal_steps": 576}}  # fmt: skip
    rules = run_sweep(folder, HALVING | grid)
    assert rules.count("train") == 1 + 2, "one trial, and the confirmation at so many steps"
    assert run_sweep(folder, HALVING | {"keep_best": 2}).count("train") == 2
    rules = run_sweep(folder, HALVING | {"eta": 2.9})
    assert rules.count("train") <= 4 and rules.count("propose") == 1


def test_audit_verifies_a_moved_sweep(folder):
    """The audit re-executes every job from its recorded inputs."""
    moved = folder.rename(folder.with_name("moved")) / "results"
    result = audit(moved, AuditConfig(share=1, retrain="all"), print_line=lambda line: None)
    assert result.verdict == VERIFIED, result.summary()
    again = {f.file for f in result.findings if "re-executed" in f.checked}
    names = ("rounds/1.json", "trials.parquet", "finalists.json", "search.json", "report.html")
    assert {f"sweeps/halving/{name}" for name in names} <= again


def test_kills_in_any_round(tmp_path):
    uninterrupted = tmp_path / "uninterrupted"
    uninterrupted.mkdir()
    start_time = time.monotonic()
    rules = run_sweep(uninterrupted, BAYESIAN)
    seconds = time.monotonic() - start_time
    assert (rules.count("propose"), rules.count("train")) == (3, 8)
    rng = random.Random(1)
    for number in range(int(os.environ.get("DAF_KILLS", "10"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        for _ in range(2):
            process = start(folder, BAYESIAN)
            try:
                process.wait(rng.uniform(1.0, seconds))
            except subprocess.TimeoutExpired:
                if rng.random() < 0.5:
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
                process.wait()
        run_sweep(folder, BAYESIAN)
        assert contents(folder) == contents(uninterrupted), number
