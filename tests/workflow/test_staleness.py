"""Results folder shared by several benchmarks and working directories."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from daf.orchestrators.snakemake_command import snakemake_command

POLICY = """
import torch
from daf.policies import Policy

class Mine(Policy):
    def initial_state(self, seeds):
        return seeds

    def act(self, observations, state):
        return torch.full_like(state, 1), state
"""
MISSION = {"extends": "assembler_1", "description": "A short day.", "max_steps": 40}
TRAINING = {"missions": ["assembler_1"], "steps": 128, "worlds": 4, "rollout_length": 32}
BENCHMARK = {
    "name": "study",
    "policies": [{"class_path": "stateless", "init_kwargs": {"hidden_size": 8}}, "random",
                 {"class_path": "mine.py:Mine", "name": "mine"}],
    "missions": ["assembler_1", "short.yaml"],
    "training_seeds": [1],
    "training": TRAINING,
    "evaluation": {"episodes": 3},
    "comparison": {"confidence": 0.9},
    "execution": {"device": "cpu", "policies_per_job": 3},
}  # fmt: skip

CHANGES = {
    "policy": {"policies": [*BENCHMARK["policies"], "noop"]},
    "mission": {},
    "episodes": {"evaluation": {"episodes": 4}},
    "confidence": {"comparison": {"confidence": 0.6}},
    "seeds": {"training_seeds": [2]},
    "shaping": {"training": TRAINING | {"shaping": {"made_heart": 0.5}}},
    "code": {},
    "teams": {"teams": {"mixed": [{"mine": 0.5, "random": 0.5}]}, "missions": ["assembler_2"]},
    "against": {"comparison": {"confidence": 0.9, "against": "random"}},
    "margin": {"comparison": {"confidence": 0.9, "equivalence_margin": 0.2}},
}


def write_benchmark(folder: Path, change: str | None = None) -> Path:
    """Write a benchmark with one change into a new working directory."""
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(BENCHMARK | CHANGES.get(change, {})))
    steps = 50 if change == "mission" else 40
    (folder / "short.yaml").write_text(yaml.safe_dump(MISSION | {"max_steps": steps}))
    action = "2" if change == "code" else "1"
    (folder / "mine.py").write_text(POLICY.replace("1)", f"{action})"))
    return folder


def make(folder: Path, results: Path) -> str:
    """Make the report of a benchmark and return the output of Snakemake."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["execution"]["results_dir"] = str(results)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = snakemake_command(["benchmark_report"], Path("config.yaml"), "--cores", "2")
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | {"TZ": "UTC"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def hashes_and_inodes(results: Path) -> dict[str, tuple[str, int]]:
    """Return hash and inode of all results by path, without sidecars and logs."""
    return {
        str(path.relative_to(results)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_ino,
        )
        for path in sorted(results.rglob("*"))
        if path.suffix in (".parquet", ".json", ".safetensors", ".html")
        and not path.name.endswith(".prov.json")
    }


def check(folder: Path, results: Path, fresh: dict[str, tuple[str, int]]) -> None:
    """Make a benchmark in a used folder; check its results, and that equal files are kept."""
    before = hashes_and_inodes(results)
    make(folder, results)
    after = hashes_and_inodes(results)
    assert {name: after[name][0] for name in fresh} == {name: fresh[name][0] for name in fresh}
    same = {name for name, before_file in before.items() if after[name][0] == before_file[0]}
    assert {name for name in same if after[name][1] != before[name][1]} == set()
    assert "Nothing to be done" in make(folder, results)


def test_results_folder_shared_by_working_directories(tmp_path):
    results = tmp_path / "results"
    make(write_benchmark(tmp_path / "a"), results)
    old = hashes_and_inodes(results)
    again = write_benchmark(tmp_path / "b")
    assert "Nothing to be done" in make(again, results)
    results = results.rename(tmp_path / "renamed")
    shutil.rmtree(tmp_path / "a" / ".snakemake")
    assert "Nothing to be done" in make(tmp_path / "a", results)
    assert hashes_and_inodes(results) == old
    # Future modification times in another order, as from copies and wrong clocks.
    for number, path in enumerate(sorted(results.glob("runs/*/*"), reverse=True)):
        os.utime(path, (2e9 + number, 2e9 + number))
    printed = make(write_benchmark(tmp_path / "c", "confidence"), results)
    assert "stats.json: stale (parameter config.comparison.confidence changed)" in printed
    new = hashes_and_inodes(results)
    changed = {name for name in old if new[name] != old[name]}
    assert changed == {"benchmarks/study/stats.json", "benchmarks/study/report.html"}


@pytest.mark.slow
@pytest.mark.parametrize("with_metadata", [True, False], ids=["with .snakemake", "without"])
def test_benchmarks_in_a_shared_folder_equal_those_in_separate_folders(tmp_path, with_metadata):
    results = tmp_path / "results"
    names = [None, *CHANGES]
    folders = {name: write_benchmark(tmp_path / f"work-{name}", name) for name in names}
    fresh = {}
    for name in names:
        folder = write_benchmark(tmp_path / f"fresh-{name}", name)
        make(folder, folder / "results")
        fresh[name] = hashes_and_inodes(folder / "results")
    for name in [*names, *reversed(names)]:
        if not with_metadata:
            shutil.rmtree(folders[name] / ".snakemake", ignore_errors=True)
        check(folders[name], results, fresh[name])
