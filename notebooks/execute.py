"""Run notebooks from top to bottom and keep their outputs, together with what code made them.

    python notebooks/execute.py                          all of them
    python notebooks/execute.py notebooks/04_norm.ipynb  one

The outputs in a notebook belong to its code only as long as nobody edits a cell. So a digest of the
code is kept beside them (`made_by` in the notebook's metadata), and a test compares the two.
"""

import argparse
import hashlib
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from rich.progress import track

FOLDER = Path(__file__).resolve().parent
SECONDS = 180  # for one cell


def digest(notebook: nbformat.NotebookNode) -> str:
    """A short name for the code of a notebook: another one if a character of it changes."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def run(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in `folder`; the outputs are put into the notebook.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources).execute()


def keep(path: Path) -> None:
    """Run a notebook and write it with its outputs and the digest of its code."""
    notebook = nbformat.read(path, as_version=4)
    run(notebook, path.parent)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # nbformat draws new names at random, which are noise in a diff
        cell.metadata.pop("execution", None)  # clock times, likewise
    notebook.metadata["made_by"] = digest(notebook)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


def main() -> None:
    """Run the notebooks named on the command line, or all."""
    parser = argparse.ArgumentParser(description="Run notebooks and keep their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path)
    for path in track(parser.parse_args().notebooks or sorted(FOLDER.glob("*.ipynb"))):
        keep(path)


if __name__ == "__main__":
    main()
