"""Trainings that share jobs, against the same trainings in jobs of their own."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from daf.orchestrators.snakemake_command import snakemake_command
from tests.orchestrators.breaking import POLICIES
from tests.results import files, hashes, records

pytestmark = pytest.mark.slow

CONFIG = {
    "name": "runs_per_job",
    "policies": ["stateless", {"class_path": "lstm", "init_kwargs": {"hidden_size": 8}}],
    "missions": ["assembler_1"],
    "training_seeds": [1, 2],
    "training": {"steps": 200, "worlds": 2, "rollout_length": 16, "minibatches": 1, "epochs": 1},
    "evaluation": {"episodes": 2},
}
RULES = ("train_colocated", "train")


def start(folder: Path, population: int, **changes) -> subprocess.Popen:
    execution = {"device": "cpu", "runs_per_job": population, "save_seconds": 0.2}
    config = CONFIG | changes | {"execution": execution}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = snakemake_command("trainings", Path("config.yaml"), "--cores", "2")
    with open(folder / "output.txt", "w") as output:
        return subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )


def trained(folder: Path, population: int, fails: bool = False, **changes) -> tuple[int, int]:
    """Make the trainings; returns how many jobs there were for several and for one."""
    process = start(folder, population, **changes)
    printed = (folder / "output.txt").read_text
    assert bool(process.wait()) == fails, printed()
    begun = [line.split()[-1].rstrip(":") for line in printed().splitlines()
             if line.startswith(("localrule ", "localcheckpoint "))]  # fmt: skip
    return tuple(begun.count(rule) for rule in RULES)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    assert trained(folder, 1) == (0, 4)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """Three share a job, the fourth has one of its own."""
    folder = tmp_path_factory.mktemp("shared")
    assert trained(folder, 3) == (1, 4)
    return folder


@pytest.fixture
def folder(shared, tmp_path) -> Path:
    return Path(shutil.copytree(shared, tmp_path / "copy"))


def test_bytes_and_records_are_those_of_jobs_of_their_own(alone, shared):
    assert hashes(shared) == hashes(alone)
    one, other = (records(made, "runs") for made in (shared, alone))
    assert one == other and len(one) == 4
    for run in (Path(place).parent for place in one):
        assert (shared / f"results/logs/train/{run}.log").is_file()
    assert not list((shared / "results/resume").glob("*/*")), "nothing is unfinished"


def test_how_many_share_a_job_makes_nothing_again(folder):
    for population in (1, 2):
        assert trained(folder, population) == (0, 0)


def test_what_is_missing_is_trained_and_nothing_else(folder, alone):
    before = files(folder, "runs")
    (made,) = (folder / "results/runs").glob("stateless-s2-*")
    shutil.rmtree(made)
    assert trained(folder, 3) == (0, 1), "one alone has nobody to share with"
    assert hashes(folder) == hashes(alone)
    more = {"training_seeds": [1, 2, 3, 4]}  # two of them in a job with two that stand, two in one
    assert trained(folder, 3, **more) == (1, 4)
    after = files(folder, "runs")
    assert {file for file in before if after[file] != before[file]} == {
        file for file in before if file.startswith(f"runs/{made.name}/")
    }


def test_one_that_diverges_fails_alone(alone, tmp_path):
    (tmp_path / "mine.py").write_text(POLICIES)
    changes = {"policies": ["mine.py:Diverging", *CONFIG["policies"]], "training_seeds": [1]}
    assert trained(tmp_path, 3, fails=True, **changes) == (1, 3)
    (log,) = (tmp_path / "results/logs/train").glob("Diverging*")
    assert "failed: training Diverging-s1" in log.read_text()
    assert hashes(tmp_path) == {
        file: sha for file, sha in hashes(alone).items() if "-s2-" not in file
    }
    before = files(tmp_path, "runs")
    assert trained(tmp_path, 3, fails=True, **changes) == (0, 1)
    assert files(tmp_path, "runs") == before


LONG = {"training": CONFIG["training"] | {"steps": 20_000}, "policies": ["stateless"]}


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unharmed")
    assert trained(folder, 1, **LONG) == (0, 2)
    return folder


@pytest.mark.parametrize("first, then, how", [(3, 1, signal.SIGKILL), (1, 3, signal.SIGINT)])
def test_what_was_begun_goes_on_together_or_alone(first, then, how, unharmed, tmp_path):
    process = start(tmp_path, first, **LONG)
    while not list(tmp_path.glob("results/resume/*/state.pt")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, how)
    process.wait()
    trained(tmp_path, then, **LONG)
    assert hashes(tmp_path) == hashes(unharmed)
    logs = [*tmp_path.glob("results/logs/train*/*.log")]
    assert any("goes on after update" in log.read_text() for log in logs)
