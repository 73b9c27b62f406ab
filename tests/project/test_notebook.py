"""The notebook of the documentation."""

import ast
from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorials" / "first_steps.ipynb"


def test_the_notebook_is_valid_and_has_no_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.extras
def test_the_notebook_trains_shows_and_compares(tmp_path):
    import nbclient  # of the extra `notebook`

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    options = {"timeout": 600, "resources": {"metadata": {"path": str(tmp_path)}}}
    nbclient.NotebookClient(notebook, kernel_name="python3", **options).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in outputs)
    assert "success" in text
    assert "baseline" in text and "report.html" in text
    assert any("image/gif" in output.get("data", {}) for output in outputs)
    assert list((tmp_path / "results").glob("runs/stateless-*/policy.safetensors"))
