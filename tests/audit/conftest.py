"""Small results folder with all kinds of files of DAF."""

import os
from pathlib import Path

import pytest

from daf.config import BenchmarkConfig, DAFConfig, DAFSweepConfig
from daf.orchestrators import daf_run_sweep_pipeline
from daf.orchestrators.benchmark_pipeline import run_benchmark

TRAINING = {"steps": 300, "worlds": 4, "rollout_length": 32}
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
