"""Command line: output and exit status."""

import re
from pathlib import Path

import pytest
import yaml

from daf.__main__ import main

SMALL = ["worlds=2", "rollout_length=16", "learning_rate=1e-3", "shaping={made_heart: 0.5}"]


@pytest.fixture
def daf(tmp_path, monkeypatch, capsys):
    """Function that runs a command in an empty folder and returns (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["daf", *arguments])
        status = main()
        return status, *capsys.readouterr()

    return run


def test_train_and_compare(daf):
    train = ["train", "stateless", "--missions", "assembler_1", "--steps", "99", "--name", "mine"]
    status, out, _ = daf(*train, "--set", *SMALL, "--eval-missions", "assembler_1",
        "--eval-episodes", "2", "--jobs", "2", "--training-seeds", "7")  # fmt: skip
    assert status == 0 and re.match(r"mine: success in \d+ s\n", out)
    weights = re.search(r"^final_checkpoint: (.+)$", out, flags=re.MULTILINE)[1]
    assert "stateless-s7-" in weights and Path(weights).is_file()
    config = yaml.safe_load(Path("results/pipelines/mine/config.yaml").read_text())
    assert config["training"]["shaping"] == {"made_heart": 0.5}
    compare = ["compare", "noop", f"stateless@{weights}", "--missions", "assembler_1"]
    status, out, _ = daf(*compare, "--episodes", "2", "--name", "both", "--world-seed", "3")
    assert status == 0
    assert "report: results/comparisons/both/report.html" in out
    assert list(Path("results/evaluations").glob("noop-e2-w3/assembler_1.parquet"))


@pytest.mark.slow
def test_exit_status_of_partial_success(daf):
    Path("mine.py").write_text(
        "from daf.policies import Policy\n\n\nclass Mine(Policy):\n"
        "    def act(self, observations, state):\n        raise ValueError('no idea')\n"
    )
    status, out, err = daf(
        "compare", "noop", "mine.py:Mine", "--missions", "assembler_1", "--episodes", "2"
    )
    assert status == 3 and ": partial in " in out
    assert "error: policy_comparison: evaluate (" in err and "no idea" in err


@pytest.mark.parametrize("arguments, message", [
    (["compare", "nop", "--missions", "assembler_1"], "did you mean 'noop'?"),
    (["sweep", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
    (["benchmark", "--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
    (["train", "lstm", "--missions", "assembler_1", "--steps", "9", "--set", "x"], "KEY=VALUE"),
    (["train", "lstm", "--missions", "assembler_1", "--steps", "0"], "key 'steps': got 0"),
    (["compare", "noop", "--missions", "assembler_1", "--device", "gpu"], "key 'device': got"),
    (["compare", "noop", "--missions", "assembler_1", "--jobs", "0"], "key 'max_parallel_jobs'"),
])  # fmt: skip
def test_errors_are_one_line(arguments, message, daf):
    status, out, err = daf(*arguments)
    assert status == 1 and out == ""
    assert err.startswith("error: ") and message in err and err.count("\n") == 1
    assert not Path("results").exists()
