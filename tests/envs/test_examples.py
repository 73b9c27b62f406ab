"""Training scripts of docs/examples: they run, learn, and save policies of DAF."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from daf.config import BenchmarkConfig, DAFConfig, load_yaml
from daf.missions import load_mission
from daf.orchestrators.benchmark_pipeline import run_benchmark
from daf.policies.game import Game
from daf.policies.stateless import Stateless

pytestmark = pytest.mark.extras

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SCRIPTS = {
    "sb3": ("sb3_ppo.py",),
    "cleanrl": ("cleanrl_ppo.py",),
    "torchrl": ("torchrl_ppo.py",),
    "ippo": ("skrl_ppo.py", "--algorithm", "ippo"),
    "mappo": ("skrl_ppo.py", "--algorithm", "mappo"),
    "benchmarl": ("benchmarl_mappo.py",),
}
"""Script and options of each example."""

BENCHMARL = pytest.param("benchmarl", marks=pytest.mark.benchmarl)


def run_example(name: str, folder: Path, *options: str) -> str:
    """Run an example in a folder and return its output; it writes policy.safetensors."""
    script, *script_options = SCRIPTS[name]
    command = [sys.executable, str(EXAMPLES / script), *script_options, *options]
    result = subprocess.run(
        [*command, "--output", "policy.safetensors"],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def final_score(output: str) -> float:
    """Return the score of the trained policy with sampled actions."""
    return float(re.search(r"^sampled score ([\d.]+) in", output, re.MULTILINE)[1])


def short_options(folder: Path) -> list[str]:
    """Write a mission of 30 steps, and return options of a training run on it."""
    mission = folder / "short.yaml"
    mission.write_text("extends: assembler_2\nmax_steps: 30\n")
    return [f"--mission={mission}", "--steps=480", "--worlds=2", "--rollout-length=20"]


@pytest.mark.parametrize("name", ["sb3", "cleanrl", "torchrl", "mappo", BENCHMARL])
def test_example_runs_and_saves_a_policy(name, tmp_path):
    output = run_example(name, tmp_path, *short_options(tmp_path))
    assert "update 1  steps 160  score no finished episode" in output
    assert re.search(r"^update 3  steps 480  score \d+\.\d\d$", output, re.MULTILINE)
    assert final_score(output) >= 0
    assert re.search(r"^greedy score [\d.]+ in 2 unseen worlds$", output, re.MULTILINE)
    Stateless(Game.of(load_mission(str(tmp_path / "short.yaml")))).load(
        tmp_path / "policy.safetensors"
    )


def test_runs_of_an_example_are_one_method(tmp_path, monkeypatch):
    """The benchmark `sb3.yaml`, with two short training runs of each method."""
    monkeypatch.chdir(tmp_path)
    options = short_options(tmp_path)
    for seed in (1, 2):
        run_example("sb3", tmp_path, *options, f"--seed={seed}")
        Path("policy.safetensors").rename(f"sb3-{seed}.safetensors")
    data = load_yaml(EXAMPLES / "sb3.yaml")
    data["policies"][0]["data_paths"] = {seed: f"sb3-{seed}.safetensors" for seed in (1, 2)}
    data |= {
        "missions": ["short.yaml"],
        "training": {"steps": 160, "worlds": 2, "rollout_length": 20},
        "training_seeds": [1, 2],
        "evaluation": {"episodes": 2},
    }
    result = run_benchmark(BenchmarkConfig.parse(data, "test"), DAFConfig())
    assert result.status == "success", result.errors
    estimates = result.outputs["summary_statistics"]["estimates"]
    units = {estimate["policy"]: estimate["unit"] for estimate in estimates}
    assert units == {"sb3": "training_seed", "stateless": "training_seed", "baseline": "episode"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sb3", "cleanrl"])
def test_example_reaches_90_hearts(name, tmp_path):
    assert final_score(run_example(name, tmp_path)) >= 90


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torchrl", "ippo", "mappo", BENCHMARL])
def test_example_improves_on_random(name, tmp_path):
    # Random actions score 1.2 hearts.
    assert final_score(run_example(name, tmp_path, "--steps=1000000")) >= 10
