"""Work on a machine that gives little: no home, folders that cannot be written, odd names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from unprivileged import unprivileged

SNAKEFILE = Path(__file__).parents[2] / "workflow" / "Snakefile"
MISSION = "max_steps: 9\nmap: ['#####', '#@.=#', '#####']\n"
POLICY = "from daf.policies.scripted import Noop\n\n\nclass Mine(Noop):\n    pass\n"
CONFIG = "policies: [noop, random]\nmissions: [assembler_1]\nevaluation: {episodes: 2}\n"
CACHES = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")


@pytest.fixture
def folder(tmp_path):
    """A working directory with a file of each kind; a test may lock it."""
    here = tmp_path / "here {x} it's"
    (here / "dir@home").mkdir(parents=True)
    (here / "dir@home" / "m.yaml").write_text(MISSION)
    (here / "dir@home" / "mine.py").write_text(POLICY)
    (here / "c.yaml").write_text(CONFIG)
    yield here
    here.chmod(0o755)


def run(folder: Path, *command: str, **environment: str) -> tuple[int, str]:
    """Exit status of a module's command that file permissions bind, and all that it said."""
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


def error(said: str) -> str:
    """The only line that says what is wrong."""
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    return line


def test_working_directory_that_cannot_be_written(folder, tmp_path):
    folder.chmod(0o555)
    results = tmp_path / "results"
    compare = ["daf", "compare", "dir@home/mine.py:Mine", "--missions", "dir@home/m.yaml"]
    status, said = run(folder, *compare, "--episodes", "1", "--results-dir", str(results))
    assert status == 0, said
    assert list(results.glob("comparisons/*/report.html"))
    assert not list(results.rglob(".snakemake")) and not (folder / ".snakemake").exists()
    status, said = run(folder, *compare, "--profile", "slurm", "--results-dir", str(results))
    assert status == 3 and f"the working directory {folder} cannot be written" in error(said)


def test_plain_snakemake_in_such_a_directory(folder):
    folder.chmod(0o555)
    status, said = snakemake(folder)
    assert status == 1 and f"the working directory {folder} cannot be written" in error(said)


@pytest.mark.parametrize("home", ["/proc", "LOCKED"])
def test_plain_snakemake_without_a_home(home, folder, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    home = str(locked) if home == "LOCKED" else home
    status, said = snakemake(
        folder, "--dry-run", HOME=home, XDG_CACHE_HOME="", TMPDIR=str(tmp_path)
    )
    assert status == 0, said
    assert "This was a dry-run" in said


@pytest.mark.slow
def test_whole_study_without_a_home(folder, tmp_path):
    """With caches among the temporary files, which the jobs find."""
    bare = {"HOME": "/proc", "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path)}
    status, said = snakemake(folder, **bare)
    assert status == 0, said
    assert list(tmp_path.glob("daf-cache-*/warp"))
    status, said = run(folder, "daf", "audit", "results", **bare)
    assert status == 0, said


def test_results_of_somebody_else(folder, tmp_path):
    """Who may read them only is told so."""
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o555)
    (folder / "c.yaml").write_text(CONFIG + f"execution: {{results_dir: {theirs}}}\n")
    status, said = snakemake(folder)
    assert status == 1 and error(said).startswith(f"error: {theirs} cannot be written (")
    status, said = run(folder, "daf", "benchmark", "--config", "c.yaml")
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert status == 1 and f"{theirs} cannot be written (Permission denied)" in lines[0]
    assert not os.listdir(theirs)
