"""Co-located runs, compared with the same runs in separate jobs."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from daf.orchestrators.snakemake_command import snakemake_command
from tests.orchestrators.failing_policies import POLICIES
from tests.results import file_inodes, result_hashes, sidecar_values

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


def start(folder: Path, runs_per_job: int, **changes) -> subprocess.Popen:
    execution = {"device": "cpu", "runs_per_job": runs_per_job, "save_seconds": 0.2}
    config = CONFIG | changes | {"execution": execution}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = snakemake_command(
        ["trainings"], Path("config.yaml"), "--cores", "2", "--printshellcmds"
    )
    with open(folder / "output.txt", "w") as output:
        return subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )


def train(folder: Path, runs_per_job: int, fails: bool = False, **changes) -> tuple[int, int]:
    """Train all runs; return the number of co-located and of separate jobs."""
    process = start(folder, runs_per_job, **changes)
    printed = (folder / "output.txt").read_text
    assert bool(process.wait()) == fails, printed()
    started = [line.split()[-1].rstrip(":") for line in printed().splitlines()
             if line.startswith(("localrule ", "localcheckpoint "))]  # fmt: skip
    return tuple(started.count(rule) for rule in RULES)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    assert train(folder, 1) == (0, 4)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """Results of 3 co-located runs and 1 separate run."""
    folder = tmp_path_factory.mktemp("shared")
    assert train(folder, 3) == (1, 4)
    return folder


@pytest.fixture
def folder(shared, tmp_path) -> Path:
    return Path(shutil.copytree(shared, tmp_path / "copy"))


def test_outputs_and_sidecars_equal_those_of_separate_jobs(alone, shared):
    assert result_hashes(shared) == result_hashes(alone)
    actual, expected = (sidecar_values(made, "runs") for made in (shared, alone))
    assert actual == expected and len(actual) == 4
    for run in (Path(path).parent for path in actual):
        assert (shared / f"results/logs/train/{run}.log").is_file()
    assert not list((shared / "results/resume").glob("*/*")), "no resume state is left"


def test_runs_per_job_does_not_change_results(folder):
    for runs_per_job in (1, 2):
        assert train(folder, runs_per_job) == (0, 0)


def test_only_missing_runs_are_trained(folder, alone):
    before = file_inodes(folder, "runs")
    (made,) = (folder / "results/runs").glob("stateless-s2-*")
    shutil.rmtree(made)
    assert train(folder, 3) == (0, 1), "a single run has a separate job"
    assert result_hashes(folder) == result_hashes(alone)
    changes = {"training_seeds": [1, 2, 3, 4]}  # 4 new runs: 1 co-located job
    assert train(folder, 3, **changes) == (1, 4)
    after = file_inodes(folder, "runs")
    assert {file for file in before if after[file] != before[file]} == {
        file for file in before if file.startswith(f"runs/{made.name}/")
    }


def test_diverging_run_does_not_affect_others(alone, tmp_path):
    (tmp_path / "mine.py").write_text(POLICIES)
    changes = {"policies": ["mine.py:Diverging", *CONFIG["policies"]], "training_seeds": [1]}
    assert train(tmp_path, 3, fails=True, **changes) == (1, 3)
    (log,) = (tmp_path / "results/logs/train").glob("Diverging*")
    assert "failed: run Diverging-s1" in log.read_text()
    assert result_hashes(tmp_path) == {
        file: sha for file, sha in result_hashes(alone).items() if "-s2-" not in file
    }
    before = file_inodes(tmp_path, "runs")
    assert train(tmp_path, 3, fails=True, **changes) == (0, 1)
    assert file_inodes(tmp_path, "runs") == before


LONG = {"training": CONFIG["training"] | {"steps": 20_000}, "policies": ["stateless"]}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert train(folder, 1, **LONG) == (0, 2)
    return folder


@pytest.mark.parametrize(
    "first_size, second_size, signal_number", [(3, 1, signal.SIGKILL), (1, 3, signal.SIGINT)]
)
def test_interrupted_runs_resume_with_other_runs_per_job(
    first_size, second_size, signal_number, uninterrupted, tmp_path
):
    process = start(tmp_path, first_size, **LONG)
    while not list(tmp_path.glob("results/resume/*/state.pt")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal_number)
    process.wait()
    train(tmp_path, second_size, **LONG)
    assert result_hashes(tmp_path) == result_hashes(uninterrupted)
    logs = [*tmp_path.glob("results/logs/train*/*.log")]
    assert any("resuming from update" in log.read_text() for log in logs)
