"""Every notebook runs from top to bottom, as a student would run it."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_without_warnings(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    NotebookClient(
        notebook,
        timeout=180,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"{path.name} prints: {output['text']}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_asks_answers_and_exercises(path):
    """Short, opens with a question, ends with exercises whose solutions are folded away."""
    cells = nbformat.read(path, as_version=4).cells
    assert "?" in cells[0].source, "the first cell asks the question the notebook answers"
    assert cells[-1].source.count("<details>") == 3, "the last cell has three folded solutions"
    assert any("assert" in cell.source for cell in cells if cell.cell_type == "code")
    assert path.stat().st_size <= 300_000
