"""The rules of the house: imports point down, and nothing is imported late without a reason."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Each room may import the rooms below it in this list, and its own files.
FLOORS = [
    {"cli"},
    {"train", "viz"},
    {"models", "samples", "profile", "summary"},
    {"nn", "data", "weights"},
    {"optim", "gradcheck", "functional"},
    {"tensor"},
    {"ops"},
    {"autograd", "random"},
    {"errors"},
    {"scope", "shapes"},
]
# On one floor, these arrows are meant.
BESIDE = {("train", "viz")}
# Shown to the outside as one front; nothing inside imports from it.
FRONT = "__init__"


def rooms() -> dict[str, int]:
    return {room: floor for floor, names in enumerate(FLOORS) for room in names}


def imports(path: Path) -> list[tuple[ast.stmt, str]]:
    """Every import statement of a file with the full name of each module or name it brings."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            found += [(node, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "minidl").parts
    return parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", files("minidl"), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    floors, room = rooms(), room_of(path)
    if room == FRONT:
        return
    assert room in floors, f"{room} has no floor; add it to FLOORS and to ARCHITECTURE.md"
    for _, name in imports(path):
        parts = name.split(".")
        if parts[0] != "minidl":
            continue
        assert len(parts) > 1, f"{path.name} imports the front, minidl; name the room instead"
        target = parts[1]
        allowed = target == room or floors[target] > floors[room] or (room, target) in BESIDE
        assert allowed, f"{path.name} ({room}) imports {name}, which is not below it"


def test_the_kernels_know_nothing_of_minidl():
    for path in files("kernels"):
        assert all(not name.startswith("minidl.") for _, name in imports(path)), path


@pytest.mark.parametrize("room", ["optim", "data"])
def test_optim_and_data_do_not_know_layers(room):
    for path in files(f"minidl/{room}"):
        assert all(not name.startswith("minidl.nn") for _, name in imports(path)), path


def test_the_three_kernel_sets_have_the_same_functions_and_arguments():
    def signatures(path: Path) -> dict[str, list[str]]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        return {
            node.name: [argument.arg for argument in node.args.args]
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        }

    folder = ROOT / "kernels" / "minidl_kernels"
    for definition in (folder / "naive").glob("*.py"):
        wanted = signatures(definition)
        for other in ("numpy", "numba"):
            found = signatures(folder / other / definition.name)
            assert wanted.items() <= found.items(), f"{other}/{definition.name}"
        if definition.name != "__init__.py":  # the set without numbers has forward functions only
            shapes = signatures(folder / "shapes" / definition.name)
            assert shapes and shapes.items() <= wanted.items(), f"shapes/{definition.name}"


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(run.stdout.split())


def test_importing_minidl_is_light():
    """No compiler, no plotting, no progress bars, no downloads before somebody asks for them."""
    heavy = {"numba", "matplotlib", "rich", "typer", "pooch", "torch"}
    assert not heavy & loaded_by("import minidl")
    assert "numpy" in loaded_by("import minidl")
