"""Players whose evaluations share jobs, against the same evaluations in jobs of their own."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from daf.record import SUFFIX, Record
from daf.workflow import snakemake_command
from tests.results import hashes

pytestmark = pytest.mark.slow

CONFIG = {
    "name": "companies",
    "policies": ["stateless", "random", "noop"],
    "missions": ["assembler_1", "assembler_2"],
    "training_seeds": [1, 2],
    "training": {"missions": ["assembler_2"], "steps": 128, "worlds": 2, "rollout_length": 16},
    "evaluation": {"episodes": 2},
}


def evaluated(folder: Path, players: int, **changes) -> tuple[int, int]:
    """Make the evaluations; returns how many jobs they took, and how many were played."""
    config = CONFIG | changes | {"execution": {"device": "cpu", "players_per_job": players}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = snakemake_command("evaluations", Path("config.yaml"), "--cores", "2")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    begun = [line for line in printed.splitlines() if line.startswith("localrule evaluate")]
    jobs = len(begun) - begun.count("localrule evaluations:")
    return jobs, printed.count(": mean score ")


def records(folder: Path) -> dict[str, tuple]:
    """Of every evaluation what its record tells but for times and how it was asked for."""
    found = {}
    for file in sorted((folder / "results/evaluations").glob(f"*/*{SUFFIX}")):
        record = Record.read(file)
        parts = (record.rule, record.parameters, record.inputs, record.outputs, record.elsewhere)
        found[str(file.relative_to(folder))] = (*parts, list(record.log), record.threads)
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """Three share a job, the fourth has one of its own."""
    folder = tmp_path_factory.mktemp("shared")
    assert evaluated(folder, 3) == (2, 8)
    return folder


@pytest.fixture
def folder(shared, tmp_path) -> Path:
    return Path(shutil.copytree(shared, tmp_path / "copy"))


def test_bytes_and_records_are_those_of_jobs_of_their_own(shared, tmp_path):
    assert evaluated(tmp_path, 1) == (4, 8)
    assert hashes(shared) == hashes(tmp_path)
    assert records(shared) == records(tmp_path) and len(records(shared)) == 8
    assert not list((shared / "results/resume").glob("*/*")), "nothing is unfinished"


def test_how_many_share_a_job_plays_nothing_again(folder):
    assert evaluated(folder, 3) == (0, 0)
    for players in (1, 2, 9):
        _, played = evaluated(folder, players)
        assert played == 0
        assert evaluated(folder, players) == (0, 0)


def test_only_what_is_missing_is_played(folder, shared):
    file = "evaluations/noop-e2-w0/assembler_2.parquet"
    (folder / "results" / file).unlink()
    assert evaluated(folder, 4) == (1, 1)
    assert hashes(folder) == hashes(shared)


def test_a_training_made_anew_plays_its_weights_and_nothing_else(folder):
    other = {"training": CONFIG["training"] | {"steps": 192}}
    before = records(folder)
    assert evaluated(folder, 4, **other) == (1, 4)
    assert evaluated(folder, 4, **other) == (0, 0)
    assert before.items() <= records(folder).items(), "those of the other training stay"
