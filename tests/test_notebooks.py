"""Every notebook runs from top to bottom, as a student would run it."""

import subprocess
import sys

import nbformat
import pytest

from notebooks.execute import FOLDER, digest, run

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def named(notebook):
    return notebook.stem


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_notebook_runs_without_warnings(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    run(notebook, tmp_path)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"{path.name} prints: {output['text']}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_notebook_asks_answers_and_exercises(path):
    """Short, opens with a question, ends with exercises whose solutions are folded away."""
    cells = nbformat.read(path, as_version=4).cells
    assert "?" in cells[0].source, "the first cell asks the question the notebook answers"
    assert cells[-1].source.count("<details>") == 3, "the last cell has three folded solutions"
    assert any("assert" in cell.source for cell in cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_the_outputs_kept_in_a_notebook_are_those_of_its_code(path):
    notebook = nbformat.read(path, as_version=4)
    again = f"python notebooks/execute.py notebooks/{path.name}"
    assert notebook.metadata.get("made_by") == digest(notebook), f"the code was edited; {again}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), again
    assert path.stat().st_size <= 300_000, f"{path.stat().st_size:,} bytes; fewer pictures?"


def test_an_edited_cell_changes_the_digest_and_a_failing_one_is_not_kept(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    before = digest(notebook)
    notebook.cells[0].source = "1 + 2"
    assert digest(notebook) != before
    notebook.cells[0].source = "1 / 0"
    path = tmp_path / "wrong.ipynb"
    nbformat.write(notebook, path)
    written = path.read_bytes()
    script = FOLDER / "execute.py"
    child = subprocess.run([sys.executable, script, path], capture_output=True, text=True)
    assert child.returncode != 0 and "ZeroDivisionError" in child.stderr
    assert path.read_bytes() == written
