"""A working directory for pipelines, and a second look at what they wrote."""

from pathlib import Path

import pytest

from daf.orchestrators import PipelineResult

from .breaking import POLICIES


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory with a file of policies."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(POLICIES)
    return tmp_path


@pytest.fixture
def read_back():
    """A function from a result to what was written of it, which must be the same."""

    def read(result: PipelineResult) -> PipelineResult:
        (path,) = Path().glob(f"*/pipelines/{result.pipeline_name}/result.json")
        assert PipelineResult.read(path) == result
        leftovers = [p for p in Path().rglob(".*") if p.is_file() and ".snakemake" not in p.parts]
        assert {p.name for p in leftovers} <= {".lock", ".jobs"}, "nothing is left half-written"
        return result

    return read
