"""Commands `init` and `run`, the option `--version`, and completion."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from daf.config import BenchmarkConfig
from daf.plan import make_plan

DAF = str(Path(sys.executable).with_name("daf"))


def run_daf(*arguments, cwd, **environment):
    return subprocess.run(
        [DAF, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Folder that `daf init` has filled."""
    folder = tmp_path_factory.mktemp("workspace")
    done = run_daf("init", "study", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Next: cd study && daf benchmark\n")
    return folder / "study"


def test_init_writes_a_valid_benchmark(workspace, monkeypatch):
    monkeypatch.chdir(workspace)
    plan = make_plan(BenchmarkConfig.from_yaml("config/config.yaml"))
    assert list(plan.missions) == ["mission"] and len(plan.runs) == 2
    assert set(plan.labels.values()) >= {"stateless", "CircleWalker", "random"}


def test_init_overwrites_nothing(workspace):
    (workspace / "policy.py").write_text("mine")
    before = (workspace / "config/config.yaml").read_bytes()
    done = run_daf("init", cwd=workspace)
    assert done.returncode == 1
    assert done.stderr == "error: config/config.yaml: exists; nothing was written\n"
    assert (workspace / "policy.py").read_text() == "mine"
    assert (workspace / "config/config.yaml").read_bytes() == before
    (workspace / "policy.py").unlink()
    (workspace / "config/config.yaml").unlink()
    (workspace / "mission.yaml").unlink()
    assert run_daf("init", cwd=workspace).returncode == 0


def test_run_passes_options_to_snakemake(workspace):
    done = run_daf("run", "benchmark_report", "--dry-run", cwd=workspace)
    assert done.returncode == 0, done.stderr
    assert "benchmark_report" in done.stdout + done.stderr
    assert not (workspace / "results/benchmarks").exists()
    done = run_daf("run", "benchmark_report", "--configfile", "none.yaml", cwd=workspace)
    assert done.returncode != 0 and "none.yaml" in done.stderr
    done = run_daf("run", "--profile", "nowhere", "benchmark_report", cwd=workspace)
    assert done.returncode == 1 and "key 'profile': got \"nowhere\"" in done.stderr


@pytest.mark.slow
def test_benchmark_of_the_starter(workspace):
    done = run_daf("benchmark", cwd=workspace)
    assert done.returncode == 0, done.stderr
    assert (workspace / "results/benchmarks/first/report.html").is_file()


def test_version(tmp_path):
    done = run_daf("--version", cwd=tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["daf", "Python", "torch", "Warp", "devices:"]
    assert lines[2] == f"torch {torch.__version__}"


def test_completion(tmp_path):
    output = tmp_path / "completions"
    line = "daf miss"
    environment = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(output),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    run_daf(cwd=tmp_path, **environment)
    assert output.read_text().split() == ["missions"]
