"""Bad input on the command line: exit status, one error line, unchanged results."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from daf.__main__ import main

SNAKEFILE = Path(__file__).parents[2] / "workflow" / "Snakefile"
GOOD = "policies: [random]\nmissions: [assembler_1]\nevaluation: {episodes: 2}\n"
OLD_RESULTS = {
    "results/benchmarks/benchmark/report.html": b"<p>the report of last week</p>",
    "results/benchmarks/benchmark/stats.json": b'{"n_episodes": 64}',
    "results/evaluations/random/assembler_1.parquet": b"PAR1 old rows PAR1",
    "results/evaluations/mine/assembler_1.parquet": b"PAR1 old rows PAR1",
}


@pytest.fixture
def folder(tmp_path):
    """Return a working directory with results of an earlier run."""
    for path, content in OLD_RESULTS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    """Run a command that must fail, and return its only line about an error or a failed job."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        timeout=120,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if re.search(r"^error|: failed: ", line)]
    return line


def snakemake(folder: Path, config: str) -> str:
    (folder / "mine.yaml").write_text(config)
    return run(
        folder, "snakemake", "benchmark_report", "--snakefile", str(SNAKEFILE),
        "--configfile", "mine.yaml", "--cores", "1",
    )  # fmt: skip


def assert_unchanged(folder: Path) -> None:
    assert {path: (folder / path).read_bytes() for path in OLD_RESULTS} == OLD_RESULTS


def test_unknown_key(folder):
    line = snakemake(folder, GOOD + "training: {learning_rat: 1e-3}\n")
    assert line.startswith(
        f"error: {folder}/mine.yaml: unknown key 'training.learning_rat'; "
        "did you mean 'learning_rate'? accepted: anneal, anneal_steps, "
    )
    assert_unchanged(folder)


def test_invalid_mission(folder):
    (folder / "cave.yaml").write_text("map: ['###', '#@']\n")
    line = snakemake(folder, GOOD.replace("assembler_1", "cave.yaml"))
    assert line.endswith(
        "key 'missions.0': cave.yaml: key 'map': got [\"###\", \"#@\"]; "
        "expected rows of equal length; row 1 has 3 characters, row 2 has 2"
    )
    assert_unchanged(folder)


def test_broken_weights(folder):
    (folder / "w.safetensors").write_bytes(bytes(range(256)))
    policy = "{class_path: lstm, data_path: w.safetensors}"
    line = snakemake(folder, GOOD.replace("random", policy))
    assert "key 'policies.0': weights w.safetensors: not a readable safetensors file (" in line
    assert_unchanged(folder)


def test_results_is_a_file(tmp_path):
    (tmp_path / "results").write_bytes(b"precious")
    line = snakemake(tmp_path, GOOD)
    assert line.endswith(f"{tmp_path}/results is a file; expected a folder")
    assert (tmp_path / "results").read_bytes() == b"precious"


@pytest.mark.slow
def test_policy_that_raises_in_act(folder):
    (folder / "mine.py").write_text(
        "from daf.policies import Policy\n"
        "class Mine(Policy):\n"
        "    def act(self, observations, state):\n"
        "        return observations['best'], state\n"
    )
    line = snakemake(folder, GOOD.replace("random", "{class_path: 'mine.py:Mine', name: mine}"))
    assert ": failed: policy 'Mine' failed with IndexError: " in line
    assert f"(in {folder}/mine.py, line 4) [log: results/logs/" in line
    assert_unchanged(folder)


LONG = "x" * 300


@pytest.mark.parametrize("command", [
    ["train", f"{LONG}.py:Mine", "--missions", "assembler_1", "--steps", "9"],
    ["train", "lstm", "--missions", f"{LONG}.yaml", "--steps", "9"],
    ["train", f"lstm@{LONG}", "--missions", "assembler_1", "--steps", "9"],
    ["compare", "random", "--missions", "assembler_1", "--profile", LONG],
    ["compare", "random", "--missions", "assembler_1", "--results-dir", LONG],
    ["audit", LONG],
    ["crate", LONG, "x.zip"],
])  # fmt: skip
def test_too_long_file_names(command, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["daf", *command])
    assert main() == 1
    output = capfd.readouterr()
    lines = [line for line in (output.out + output.err).splitlines() if line.startswith("error")]
    assert len(lines) == 1 and "ile name too long" in lines[0]
    assert_unchanged(folder)


@pytest.mark.parametrize("settings, problem", [
    (["gamma=]"], '--set "gamma": not valid YAML at line 1, column 1: '),
    (["gamma=2020-13-45"], "key 'gamma': got \"2020-13-45\"; expected a number"),
    (["steps=010"], '--set "steps": not valid YAML at line 1, column 1: 010 differs between YAML'),
    (["shaping={a: 1, a: 2}"], "duplicate key 'a'"),
    (["gamma=1", "gamma=2"], '--set: duplicate key "gamma"'),
    ([f"initial_weights={LONG}"], "File name too long"),
])  # fmt: skip
def test_invalid_settings(settings, problem, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    call = ["daf", "train", "lstm", "--missions", "assembler_1", "--steps", "9", "--set"]
    monkeypatch.setattr(sys, "argv", [*call, *settings])
    assert main() == 1
    output = capfd.readouterr().err
    assert problem in output and len([x for x in output.splitlines() if x.startswith("error")]) == 1


def test_duplicate_key(folder):
    line = snakemake(folder, GOOD + "name: a\nname: b\n")
    assert line.endswith("mine.yaml: not valid YAML at line 5, column 1: duplicate key 'name'")
    assert_unchanged(folder)


@pytest.mark.parametrize("content, problem", [
    (None, "cannot be read (No such file or directory)"),
    (b"name: \xff\n", "not a text file in UTF-8"),
    (b"- 1\n", "got [1]; expected a mapping of keys"),
    (b"policies: ]\n", "not valid YAML at line 1, column 11: expected the node content, "
        "but found ']'"),
])  # fmt: skip
def test_unreadable_config_file(content, problem, folder):
    if content is not None:
        (folder / "mine.yaml").write_bytes(content)
    line = run(folder, "daf", "benchmark", "--config", "mine.yaml")
    assert line == f"error: mine.yaml: {problem}"
    assert_unchanged(folder)
