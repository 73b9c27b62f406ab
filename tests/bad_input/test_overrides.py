"""Configuration of a Snakemake call, and the sources of its errors."""

import subprocess

import pytest

from daf.config import BenchmarkConfig
from daf.config.overrides import MergedConfig
from daf.orchestrators.snakemake_command import snakemake_command

FILE = "policies: [random]\nmissions: [assembler_1]\nevaluation: {episodes: 9, seed: 3}\n"


def parse_config(tmp_path, *settings: str, file: str = FILE) -> BenchmarkConfig:
    (tmp_path / "mine.yaml").write_text(file)
    return MergedConfig.read([tmp_path / "mine.yaml"], settings).parse_as(BenchmarkConfig)


def test_settings_are_merged_as_yaml(tmp_path):
    config = parse_config(
        tmp_path, "evaluation={episodes: 2}", "training_seeds=[1]", 'name="7"', "missions=[a, b]",
        "training={learning_rate: 1e-3, anneal: false}", "comparison={'against': None}",
    )  # fmt: skip
    assert (config.evaluation.episodes, config.evaluation.seed) == (2, 3)
    assert (config.training_seeds, config.name) == ((1,), "7")
    assert config.resolved()["missions"] == ["a", "b"]
    assert (config.training.learning_rate, config.training.anneal) == (0.001, False)


@pytest.mark.parametrize("setting, file, message", [
    ("evaluation={episodes: many}", FILE, "--config: key 'evaluation.episodes': got \"many\""),
    ("training_seeds=1", FILE, "--config: key 'training_seeds': got 1; expected a list"),
    ("nam=x", FILE, "--config: unknown key 'nam'; did you mean 'name'?"),
    ("evaluation={episodes: 010}", FILE, "--config evaluation: not valid YAML at line 1, column"),
    ("evaluation", FILE, '--config: got "evaluation"; expected KEY=VALUE'),
    ("training_seeds=[1]", FILE + "nam: x\n", "{}/mine.yaml: unknown key 'nam'; did you mean"),
    ("evaluation={seed: 1}", FILE.replace("9", "x"), "{}/mine.yaml: key 'evaluation.episodes'"),
])  # fmt: skip
def test_source_of_errors(setting, file, message, tmp_path, refused):
    line = refused(lambda: parse_config(tmp_path, setting, file=file))
    assert line.startswith(message.format(tmp_path))


def test_snakemake_receives_settings(tmp_path):
    (tmp_path / "mine.yaml").write_text(FILE)
    settings = ["--config", "evaluation={episodes: 2}", "training_seeds=[1]", "--cores", "1"]
    command = snakemake_command(["evaluations"], tmp_path / "mine.yaml", "--dry-run", *settings)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "random-e2-w3" in done.stdout + done.stderr
