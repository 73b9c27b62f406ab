"""Training scripts of docs/examples: they run, learn, and save policies of DAF."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from daf.missions import load_mission
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


@pytest.mark.parametrize("name", ["sb3", "cleanrl", "torchrl", "mappo", BENCHMARL])
def test_example_runs_and_saves_a_policy(name, tmp_path):
    mission = tmp_path / "short.yaml"
    mission.write_text("extends: assembler_2\nmax_steps: 30\n")
    options = {"mission": mission, "steps": 480, "worlds": 2, "rollout-length": 20}
    arguments = [f"--{option}={value}" for option, value in options.items()]
    output = run_example(name, tmp_path, *arguments)
    assert "update 1  steps 160  score no finished episode" in output
    assert re.search(r"^update 3  steps 480  score \d+\.\d\d$", output, re.MULTILINE)
    assert final_score(output) >= 0
    assert re.search(r"^greedy score [\d.]+ in 2 unseen worlds$", output, re.MULTILINE)
    Stateless(Game.of(load_mission(str(mission)))).load(tmp_path / "policy.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sb3", "cleanrl"])
def test_example_reaches_90_hearts(name, tmp_path):
    assert final_score(run_example(name, tmp_path)) >= 90


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torchrl", "ippo", "mappo", BENCHMARL])
def test_example_improves_on_random(name, tmp_path):
    # Random actions score 1.2 hearts.
    assert final_score(run_example(name, tmp_path, "--steps=1000000")) >= 10
