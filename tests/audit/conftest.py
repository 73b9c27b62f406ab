"""Small results folder with all kinds of files of DAF, and copies of parts of it."""

import os
import shutil
from pathlib import Path

import pytest

from daf.config import BenchmarkConfig, DAFConfig, DAFSweepConfig
from daf.orchestrators import daf_run_sweep_pipeline
from daf.orchestrators.benchmark_pipeline import run_benchmark

TRAINING = {
    "steps": 300,
    "worlds": 4,
    "rollout_length": 32,
    "evaluate_every": 128,
    "evaluate_episodes": 2,
    "checkpoint_every": 150,
}
BENCHMARK = {
    "name": "tiny",
    "policies": ["stateless", "random"],
    "missions": ["assembler_1"],
    "training_seeds": [1],
    "training": TRAINING | {"missions": ["assembler_1"]},
    "evaluation": {"episodes": 3},
}
SWEEP = {
    "name": "grid",
    "policy_class_path": "stateless",
    "missions": ["assembler_1"],
    "strategy": "bayesian",
    "search_space": {"learning_rate": [0.001, 0.002]},
    "trials_per_round": 1,
    "training": TRAINING,
    "episodes_per_trial": 3,
    "keep_best": 1,
    "confirmation": {"training_seeds": [5]},
}


EVALUATION_FILES = (
    "environment.json*",
    "evaluations/random-*",
    "logs/environment_check.log",
    "logs/evaluate/random-*",
)
"""Environment check and one evaluation, whose audit takes few seconds."""

EXPERIMENT_FILES = (
    *EVALUATION_FILES,
    "benchmarks",
    "evaluations/{run}-*",
    "logs/compare",
    "logs/evaluate/{run}-*",
    "logs/report",
    "logs/train/{run}.log",
    "runs/{run}",
)
"""All files of the statistics and the report of the benchmark."""

BENCHMARK_FILES = (*EXPERIMENT_FILES, "deployments", "logs/deploy", "pipelines/tiny")
"""All files of the benchmark, without the sweep."""


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """Read-only results folder of a benchmark with deployment, and of a sweep."""
    folder = tmp_path_factory.mktemp("audited")
    before = os.getcwd()
    os.chdir(folder)
    try:
        benchmark = run_benchmark(
            BenchmarkConfig.parse(BENCHMARK, "test"), DAFConfig(), deploy=True
        )
        sweep = daf_run_sweep_pipeline(config=DAFSweepConfig.parse(SWEEP, "test"))
    finally:
        os.chdir(before)
    assert benchmark.is_success(), benchmark.errors
    assert sweep.is_success(), sweep.errors
    return folder / "results"


def copy_part(made: Path, folder: Path, patterns: tuple[str, ...]) -> Path:
    """Copy the files and folders that match a pattern; `{run}` is the run of the benchmark."""
    (bundle,) = made.glob("deployments/*.zip")
    for pattern in patterns:
        for path in made.glob(pattern.format(run=bundle.stem)):
            target = folder / path.relative_to(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, target)
    return folder


@pytest.fixture
def evaluation_results(made, tmp_path) -> Path:
    """Copy of the environment check and of one evaluation."""
    return copy_part(made, tmp_path / "results", EVALUATION_FILES)


@pytest.fixture
def experiment_results(made, tmp_path) -> Path:
    """Copy of the statistics and the report of the benchmark, with all files that they show."""
    return copy_part(made, tmp_path / "results", EXPERIMENT_FILES)


@pytest.fixture
def benchmark_results(made, tmp_path) -> Path:
    """Copy of the benchmark with its deployment and the result of its pipeline."""
    return copy_part(made, tmp_path / "results", BENCHMARK_FILES)
