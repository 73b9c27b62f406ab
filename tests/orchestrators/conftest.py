"""Working directory of the pipelines, and a check of written results."""

import shutil
import subprocess
from pathlib import Path

import pytest

from daf.orchestrators import PipelineResult
from daf.orchestrators.snakemake_command import snakemake_command

from .failing_policies import POLICIES


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Empty working directory with a file of policies."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(POLICIES)
    return tmp_path


@pytest.fixture(scope="session")
def environment_check(tmp_path_factory) -> Path:
    """Results folder with the environment check of this machine only."""
    folder = tmp_path_factory.mktemp("environment_check")
    (folder / "config.yaml").write_text("{policies: [random], missions: [assembler_1]}")
    command = snakemake_command(["results/environment.json"], Path("config.yaml"))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results"


@pytest.fixture
def checked_folder(folder, environment_check):
    """Working directory whose results folder has an environment check, which takes seconds."""
    ignored = shutil.ignore_patterns("progress.jsonl", ".*", "resume")
    shutil.copytree(environment_check, folder / "results", ignore=ignored)
    return folder


@pytest.fixture
def read_back():
    """Function that checks that a result equals its file, and returns it."""

    def read(result: PipelineResult) -> PipelineResult:
        (path,) = Path().glob(f"*/pipelines/{result.pipeline_name}/result.json")
        assert PipelineResult.read(path) == result
        leftovers = [p for p in Path().rglob(".*") if p.is_file() and ".snakemake" not in p.parts]
        assert {p.name for p in leftovers} <= {".lock", ".jobs"}, "no temporary files remain"
        return result

    return read
