"""Help, old code pages, and how much an import brings along."""

import subprocess
import sys

import pytest

from tests.cli.runs import process


@pytest.mark.parametrize(
    "command", ["", "train", "evaluate", "tune", "models", "summary", "compare", "check", "doctor"]
)
def test_help_explains_every_command(minidl, command):
    code, out, _ = minidl(f"{command} --help")
    assert code == 0
    words = " ".join(out.split())
    expected = {
        "": ["train", "evaluate", "models", "summary", "compare", "check", "doctor", "Start with:"],
        "train": ["--resume", "Ctrl-C", "resnet8 for the digits", "--root", "--seed"],
        "evaluate": ["accuracy for each class", "--weights"],
        "tune": ["--halving", "Ctrl-C", "held out", "--threads"],
        "models": ["parameters"],
        "summary": ["--input", "--depth", "--small", "receptive field"],
        "compare": ["--out", "parameters"],
        "check": ["finite differences", "--kernels"],
        "doctor": ["versions"],
    }
    assert all(word in words for word in expected[command]), out


def test_an_old_code_page_is_no_obstacle(tmp_path):
    child = process("train", "lenet5", "--epochs", "1", "--out", "run", PYTHONIOENCODING="ascii")
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    assert out.isascii() and "Results" in out
    for command in (["train", "--help"], ["evaluate", "run"], ["models"]):
        child = process(*command, PYTHONIOENCODING="cp437")
        _, err = child.communicate(timeout=60)
        assert child.returncode == 0, err


def test_import_minidl_stays_light():
    program = (
        "import sys, minidl\n"
        "assert not {'matplotlib', 'rich', 'typer', 'numba'} & set(sys.modules), sys.modules\n"
        "import minidl.train, minidl.weights\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
