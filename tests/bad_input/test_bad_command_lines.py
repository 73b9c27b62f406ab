"""Bad input through the real command line: exit status, one line, results untouched."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daf.__main__ import main

SNAKEFILE = Path(__file__).parents[2] / "workflow" / "Snakefile"
GOOD = "policies: [random]\nmissions: [assembler_1]\nevaluation: {episodes: 2}\n"
OLD = {
    "results/benchmarks/benchmark/report.html": b"<p>the report of last week</p>",
    "results/benchmarks/benchmark/stats.json": b'{"n_episodes": 64}',
    "results/evaluations/random/assembler_1.parquet": b"PAR1 old rows PAR1",
    "results/evaluations/mine/assembler_1.parquet": b"PAR1 old rows PAR1",
}


@pytest.fixture
def folder(tmp_path):
    """A working directory with results of an earlier run."""
    for path, content in OLD.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    """Run a command that must fail. Returns its only line that starts with `error`."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("error")]
    return line


def snakemake(folder: Path, config: str) -> str:
    (folder / "mine.yaml").write_text(config)
    return run(
        folder, "snakemake", "benchmark_report", "--snakefile", str(SNAKEFILE),
        "--configfile", "mine.yaml", "--cores", "1",
    )  # fmt: skip


def assert_untouched(folder: Path) -> None:
    assert {path: (folder / path).read_bytes() for path in OLD} == OLD


def test_unknown_key(folder):
    line = snakemake(folder, GOOD + "training: {learning_rat: 1e-3}\n")
    assert line.startswith(
        f"error: {folder}/mine.yaml: unknown key 'training.learning_rat'; "
        "did you mean 'learning_rate'? accepted: anneal, anneal_steps, clip, "
    )
    assert_untouched(folder)


def test_mistake_in_a_mission(folder):
    (folder / "cave.yaml").write_text("map: ['###', '#@']\n")
    line = snakemake(folder, GOOD.replace("assembler_1", "cave.yaml"))
    assert line.endswith(
        "key 'missions.0': cave.yaml: key 'map': got [\"###\", \"#@\"]; "
        "row 2 has 2 characters but row 1 has 3; all rows must be equally long"
    )
    assert_untouched(folder)


def test_broken_weights(folder):
    (folder / "w.safetensors").write_bytes(bytes(range(256)))
    policy = "{class_path: lstm, data_path: w.safetensors}"
    line = snakemake(folder, GOOD.replace("random", policy))
    assert "key 'policies.0': weights w.safetensors: not a readable safetensors file (" in line
    assert_untouched(folder)


def test_results_is_a_file(tmp_path):
    (tmp_path / "results").write_bytes(b"precious")
    line = snakemake(tmp_path, GOOD)
    assert line.endswith(f"{tmp_path}/results is a file; a folder is needed there")
    assert (tmp_path / "results").read_bytes() == b"precious"


def test_policy_that_raises_while_it_plays(folder):
    (folder / "mine.py").write_text(
        "from daf.policies import Policy\n"
        "class Mine(Policy):\n"
        "    def act(self, observations, state):\n"
        "        return observations['best'], state\n"
    )
    line = snakemake(folder, GOOD.replace("random", "{class_path: 'mine.py:Mine', name: mine}"))
    assert line.startswith("error in evaluate: policy 'Mine' failed with IndexError: ")
    assert line.endswith(f"(in {folder}/mine.py, line 4)")
    assert_untouched(folder)


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
def test_names_that_no_file_can_have(command, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["daf", *command])
    assert main() == 1
    said = capfd.readouterr()
    lines = [line for line in (said.out + said.err).splitlines() if line.startswith("error")]
    assert len(lines) == 1 and "ile name too long" in lines[0]
    assert_untouched(folder)


@pytest.mark.parametrize("settings, problem", [
    (["gamma=]"], '--set "gamma": not valid YAML at line 1, column 1: '),
    (["gamma=2020-13-45"], "key 'gamma': got \"2020-13-45\"; should be a number"),
    (["steps=010"], '--set "steps": not valid YAML at line 1, column 1: 010 means one thing in'),
    (["shaping={a: 1, a: 2}"], "key 'a' stands there twice"),
    (["gamma=1", "gamma=2"], '--set: key "gamma" stands there twice'),
    ([f"initial_weights={LONG}"], "File name too long"),
])  # fmt: skip
def test_settings_that_cannot_be(settings, problem, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    call = ["daf", "train", "lstm", "--missions", "assembler_1", "--steps", "9", "--set"]
    monkeypatch.setattr(sys, "argv", [*call, *settings])
    assert main() == 1
    said = capfd.readouterr().err
    assert problem in said and len([x for x in said.splitlines() if x.startswith("error")]) == 1


def test_a_key_that_stands_twice(folder):
    line = snakemake(folder, GOOD + "name: a\nname: b\n")
    assert line.endswith(
        "mine.yaml: not valid YAML at line 5, column 1: key 'name' stands there twice"
    )
    assert_untouched(folder)


@pytest.mark.parametrize("content, problem", [
    (None, "cannot be read (No such file or directory)"),
    (b"name: \xff\n", "not a text file in UTF-8"),
    (b"- 1\n", "expected a mapping of keys, got [1]"),
    (b"policies: ]\n", "not valid YAML at line 1, column 11: expected the node content, "
        "but found ']'"),
])  # fmt: skip
def test_file_that_snakemake_could_not_read(content, problem, folder):
    if content is not None:
        (folder / "mine.yaml").write_bytes(content)
    line = run(folder, "daf", "benchmark", "--config", "mine.yaml")
    assert line == f"error: mine.yaml: {problem}"
    assert_untouched(folder)
