"""Workflows without a home folder, in unwritable folders and with unusual names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.unprivileged import unprivileged

SNAKEFILE = Path(__file__).parents[2] / "workflow" / "Snakefile"
MISSION = "max_steps: 9\nmap: ['#####', '#@.=#', '#####']\n"
POLICY = "from daf.policies.scripted import Noop\n\n\nclass Mine(Noop):\n    pass\n"
CONFIG = "policies: [noop, random]\nmissions: [assembler_1]\nevaluation: {episodes: 2}\n"
CACHES = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")


@pytest.fixture
def folder(tmp_path):
    """Working directory with a mission, a policy and a configuration."""
    folder = tmp_path / "work {x} it's"
    (folder / "dir@home").mkdir(parents=True)
    (folder / "dir@home" / "m.yaml").write_text(MISSION)
    (folder / "dir@home" / "mine.py").write_text(POLICY)
    (folder / "c.yaml").write_text(CONFIG)
    yield folder
    folder.chmod(0o755)


def run(folder: Path, *command: str, **environment: str) -> tuple[int, str]:
    """Return exit status and output of a module that runs with file permissions."""
    done = subprocess.run(
        unprivileged(sys.executable, "-m", *command),
        cwd=folder,
        env=os.environ | {"XDG_CACHE_HOME": CACHES, "NO_COLOR": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


def snakemake(folder: Path, *options: str, **environment: str) -> tuple[int, str]:
    command = ("snakemake", "--snakefile", str(SNAKEFILE), "--configfile", "c.yaml", *options)
    return run(folder, *command, **environment)


def error(output: str) -> str:
    """Return the only error line of an output."""
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.slow
def test_unwritable_working_directory(folder, tmp_path):
    folder.chmod(0o555)
    results = tmp_path / "results"
    compare = ["daf", "compare", "dir@home/mine.py:Mine", "--missions", "dir@home/m.yaml"]
    status, output = run(folder, *compare, "--episodes", "1", "--results-dir", str(results))
    assert status == 0, output
    assert list(results.glob("comparisons/*/report.html"))
    assert not list(results.rglob(".snakemake")) and not (folder / ".snakemake").exists()
    status, output = run(folder, *compare, "--profile", "slurm", "--results-dir", str(results))
    assert status == 3 and f"the working directory {folder} cannot be written" in error(output)


def test_snakemake_in_an_unwritable_directory(folder):
    folder.chmod(0o555)
    status, output = snakemake(folder)
    assert status == 1 and f"the working directory {folder} cannot be written" in error(output)


@pytest.mark.parametrize("home", ["/proc", "LOCKED"])
def test_snakemake_without_a_home(home, folder, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    home = str(locked) if home == "LOCKED" else home
    status, output = snakemake(
        folder, "--dry-run", HOME=home, XDG_CACHE_HOME="", TMPDIR=str(tmp_path)
    )
    assert status == 0, output
    assert "This was a dry-run" in output


@pytest.mark.slow
def test_benchmark_without_a_home(folder, tmp_path):
    """Jobs use the cache folder among the temporary files."""
    bare = {"HOME": "/proc", "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path)}
    status, output = snakemake(folder, **bare)
    assert status == 0, output
    assert list(tmp_path.glob("daf-cache-*/warp"))
    status, output = run(folder, "daf", "audit", "results", **bare)
    assert status == 0, output


def test_results_of_another_user(folder, tmp_path):
    """Read-only results give one error line."""
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o555)
    (folder / "c.yaml").write_text(CONFIG + f"execution: {{results_dir: {theirs}}}\n")
    status, output = snakemake(folder)
    assert status == 1 and error(output).startswith(f"error: {theirs} cannot be written (")
    status, output = run(folder, "daf", "benchmark", "--config", "c.yaml")
    lines = [line for line in output.splitlines() if line.startswith("error: ")]
    assert status == 1 and f"{theirs} cannot be written (Permission denied)" in lines[0]
    assert not os.listdir(theirs)
