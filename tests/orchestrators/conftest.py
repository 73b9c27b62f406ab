"""Working directory of the pipelines, and a check of written results."""

from pathlib import Path

import pytest

from daf.orchestrators import PipelineResult

from .failing_policies import POLICIES


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Empty working directory with a file of policies."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(POLICIES)
    return tmp_path


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
