"""The command line, run as a user would: results, Ctrl-C and --resume, clear messages."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import minidl_kernels
import numpy as np
import pytest
from minidl_kernels import threads

from minidl import cli, weights
from minidl.data import digits
from minidl.ops.elementwise import Exp
from minidl.samples import samples
from minidl.train import History, checkpoint, run

CLOCKS = ("seconds", "images_per_second")
# Python ignores Ctrl-C if its parent did, which some test machines do.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from minidl.cli import main; main()"
)


@pytest.fixture(autouse=True)
def in_own_folder(tmp_path, monkeypatch):
    """Run every test in an empty folder; put the kernel set and the thread count back."""
    monkeypatch.chdir(tmp_path)
    before = threads.num_threads()
    with minidl_kernels.use(minidl_kernels.active().name):
        yield
    threads.set_num_threads(before)


@pytest.fixture
def minidl(monkeypatch, capsys):
    """Call the command line in this process, on few digits; return exit code, output, errors."""
    small = {split: digits(split).subset(np.arange(96)) for split in ("train", "test")}
    monkeypatch.setattr(run, "get_dataset", lambda _: lambda split, root: small[split])

    def call(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["minidl", *shlex.split(line)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call


def process(*arguments: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # One thread: where many tests share few cores, two threads wait for each other.
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "MINIDL_NUM_THREADS": "1", **environment},
    )


def rows(folder: Path) -> list[dict]:
    history = History.from_csv(folder / "history.csv")
    return [{k: v for k, v in row.items() if k not in CLOCKS} for row in history.rows]


def assert_same_run(a: Path, b: Path) -> None:
    assert rows(a) == rows(b)
    for name in ("best.safetensors", "last.safetensors"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


# --------------------------------------------------------------------------------- training


def test_train_without_arguments_reads_digits_and_leaves_everything(tmp_path):
    child = process("train")
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    folder = tmp_path / "runs" / "resnet8-digits-1"
    history = History.from_csv(folder / "history.csv")
    assert history["valid_accuracy"][-1] >= 0.98
    assert "Results on the test images" in out
    assert f"{history['valid_accuracy'][-1]:.2%}" in out
    assert "flatters a little" in out  # the best epoch was chosen by the images it is tested on

    config = json.loads((folder / "config.json").read_text())
    assert (config["model"], config["data"], config["seed"]) == ("resnet8", "digits", 0)
    assert config["epochs"] == len(history)
    for name in ("best", "last"):
        arrays = weights.load(folder / f"{name}.safetensors")
        assert sum(a.size for k, a in arrays.items() if k.endswith("weight")) > 70_000
    for name in ("curves", "confusion_matrix", "misclassified"):
        pixels = matplotlib.image.imread(folder / f"{name}.png")
        assert pixels.shape[1] >= 900 and pixels.std() > 0.05
    assert not list(folder.glob(".*"))  # no temporary files


def test_options_reach_the_run(minidl, tmp_path):
    code, out, err = minidl(
        "train lenet5 --data digits --epochs 1 --batch-size 24 --lr 0.03 --momentum 0 "
        "--weight-decay 0.01 --schedule steps --seed 7 --kernels numpy --threads 1 --out 'my run'"
    )
    assert code == 0, err
    config = json.loads((tmp_path / "my run" / "config.json").read_text())
    given = {
        "model": "lenet5",
        "epochs": 1,
        "batch_size": 24,
        "lr": 0.03,
        "momentum": 0.0,
        "weight_decay": 0.01,
        "schedule": "steps",
        "seed": 7,
        "kernels": "numpy",
        "threads": 1,
    }
    assert given.items() <= config.items()
    assert "lenet5, 61,706 parameters, on digits: 96 images" in out
    assert History.from_csv(tmp_path / "my run" / "history.csv")["lr"] == [0.03]


def test_the_seed_decides_every_bit(minidl, tmp_path):
    for name, seed in [("a", 3), ("b", 3), ("c", 4)]:
        assert minidl(f"train --epochs 2 --threads 1 --seed {seed} --out {name}")[0] == 0
    assert_same_run(tmp_path / "a", tmp_path / "b")
    assert rows(tmp_path / "a") != rows(tmp_path / "c")


def test_folders_are_numbered(minidl, tmp_path):
    for number in (1, 2):
        code, out, _ = minidl("train lenet5 --epochs 1")
        assert code == 0
        assert f"lenet5-digits-{number}" in out
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_loss_that_is_no_number_ends_with_advice(minidl):
    with np.errstate(all="ignore"):
        code, _, err = minidl("train lenet5 --lr 1e20 --kernels numpy")
    assert code == 1
    assert "the loss became" in err and "lower learning rate" in err and "detect_anomaly" in err


# --------------------------------------------------------------------- stopping and resuming


def wait_for(child: subprocess.Popen, text: str) -> None:
    for line in child.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} never came: {child.stderr.read()}")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("straight") / "run"
    child = process("train", "--epochs", "3", "--out", str(folder))
    _, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    return folder


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send Ctrl-C to one process alone")
def test_ctrl_c_keeps_a_checkpoint_and_resume_goes_on_bit_for_bit(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    child = process("train", "--epochs", "3", "--out", str(folder))
    wait_for(child, "1/3")
    time.sleep(0.15)  # into the second epoch
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert f"minidl train --resume {folder}" in out
    assert "Traceback" not in err
    progress = checkpoint.load(folder / "checkpoint.safetensors")["progress"]
    assert 0 < progress["epoch"] < 3

    child = process("train", "--resume", str(folder))
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    assert_same_run(folder, uninterrupted)


def test_a_killed_run_is_resumed_from_its_last_epoch(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    child = process("train", "--epochs", "3", "--out", str(folder))
    wait_for(child, "1/3")
    wait_for(child, "2/3")
    child.kill()
    child.communicate()
    child = process("train", "--resume", str(folder))
    _, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    assert_same_run(folder, uninterrupted)


def test_resume_before_the_first_checkpoint_starts_again(minidl, tmp_path):
    assert minidl("train --epochs 2 --threads 1 --out whole")[0] == 0
    assert minidl("train --epochs 2 --threads 1 --out broken")[0] == 0
    for file in (tmp_path / "broken").iterdir():
        if file.name != "config.json":
            file.unlink()
    assert minidl("train --resume broken")[0] == 0
    assert_same_run(tmp_path / "whole", tmp_path / "broken")


def test_resuming_a_finished_run_changes_nothing_but_draws_its_pictures(minidl, tmp_path):
    assert minidl("train --epochs 1 --out run")[0] == 0
    before = rows(tmp_path / "run")
    (tmp_path / "run" / "curves.png").unlink()
    code, out, _ = minidl("train --resume run")
    assert code == 0
    assert "Results on the test images" in out
    assert rows(tmp_path / "run") == before
    assert (tmp_path / "run" / "curves.png").exists()


# --------------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train resnet9", ["no model 'resnet9'", "resnet8"]),
        ("train --data cifar11", ["no dataset 'cifar11'", "cifar10"]),
        ("train --lr 0", ["--lr", "greater than 0"]),
        ("train --lr=-0.1", ["--lr", "greater than 0"]),
        ("train --lr nan", ["--lr", "greater than 0"]),
        ("train --epochs 0", ["--epochs"]),
        ("train --batch-size 0", ["--batch-size"]),
        ("train --momentum 1", ["--momentum"]),
        ("train --weight-decay=-1", ["--weight-decay"]),
        ("train --kernels cuda", ["--kernels", "numba"]),
        ("train --threads 0", ["--threads"]),
        ("train --resume nowhere", ["no folder nowhere"]),
        ("train --resume .", ["holds no run"]),
        ("evaluate nowhere", ["no folder nowhere"]),
        ("evaluate", ["folder"]),
        ("trian", ["trian"]),
    ],
)
def test_mistakes_are_answered_with_one_message_and_exit_code_2(minidl, tmp_path, line, words):
    code, out, err = minidl(line)
    assert code == 2
    assert all(word in err for word in words), err
    assert "Traceback" not in err and out == ""
    assert list(tmp_path.iterdir()) == []


def test_missing_data_says_where_to_put_it(monkeypatch, capsys):
    monkeypatch.setattr(cli, "run", lambda *_, **__: digits_missing())
    monkeypatch.setattr(sys, "argv", ["minidl", "train", "--data", "mnist"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.strip() == "error: put [the files] there"


def digits_missing():
    raise cli.DataNotFoundError("put [the files] there")


def test_a_folder_with_a_run_is_never_overwritten(minidl, tmp_path):
    assert minidl("train --epochs 1 --out run")[0] == 0
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    code, _, err = minidl("train --epochs 1 --out run")
    assert code == 2
    assert "already holds a run" in err and "minidl train --resume run" in err and "--out" in err
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before


def test_out_may_not_be_a_file(minidl, tmp_path):
    (tmp_path / "file").write_text("precious")
    code, _, err = minidl("train --out file")
    assert code == 2 and "is a file" in err
    assert (tmp_path / "file").read_text() == "precious"


def test_resume_takes_no_other_settings(minidl, tmp_path):
    assert minidl("train --epochs 1 --out run")[0] == 0
    code, _, err = minidl("train lenet5 --resume run --lr 0.5 --batch-size 3")
    assert code == 2
    assert all(word in err for word in ("MODEL", "--lr", "--batch-size", "new run"))


def test_a_damaged_run_is_refused_and_the_sound_files_are_named(minidl, tmp_path):
    assert minidl("train --epochs 1 --out run")[0] == 0
    path = tmp_path / "run" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    code, _, err = minidl("train --resume run")
    assert code == 2
    assert "checkpoint.safetensors cannot be read" in err
    assert "best.safetensors and last.safetensors can be read" in err

    path = tmp_path / "run" / "config.json"
    for text in ("{", "[]", '{"model": "resnet8"}'):
        path.write_text(text)
        code, _, err = minidl("evaluate run")
        assert code == 2 and "config.json does not hold the settings of a run" in err

    path.unlink()
    code, _, err = minidl("evaluate run")
    assert code == 2 and "no config.json" in err


def test_an_error_in_the_program_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli, "run", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["minidl", "train"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


# --------------------------------------------------------------------------- other commands


def test_evaluate_agrees_with_the_history(minidl, tmp_path):
    assert minidl("train --epochs 2 --out run")[0] == 0
    history = History.from_csv(tmp_path / "run" / "history.csv")
    code, out, _ = minidl("evaluate run --weights last")
    assert code == 0
    total = next(line for line in out.splitlines() if "all" in line)
    accuracy = history["valid_accuracy"][-1]
    assert total.split("│")[2:5] == [
        f"     {96} ",
        f" {round(96 * accuracy):5d} ",
        f"{accuracy:>9.2%} ",
    ]
    assert f"mean loss {history['valid_loss'][-1]:.4f}" in out

    code, out, _ = minidl("evaluate run")
    assert code == 0 and "best weights" in out
    assert f"{max(history['valid_accuracy']):.2%}" in out


def test_models_are_listed_with_parameters_and_papers(minidl):
    code, out, _ = minidl("models")
    assert code == 0
    assert "resnet20" in out and "269,722" in out and "He et al." in out


def test_doctor_shows_what_it_depends_on(minidl):
    code, out, _ = minidl("doctor")
    assert code == 0
    for word in ("NumPy", np.__version__, "Numba", "kernels", "threads", "MINIDL_DATA", "digits"):
        assert word in out
    assert "ready, 360 test images" in out


def test_check_finds_every_gradient_right(minidl):
    code, out, _ = minidl("check --kernels numpy")
    assert code == 0
    assert "Conv2d" in out and "CrossEntropy" in out and "wrong" not in out
    total = len(samples())
    assert f"{total} of {total} samples agree" in out


def test_check_shows_the_samples_of_one_op(minidl):
    code, out, _ = minidl("check linear")
    assert code == 0
    assert all(sample.label in out for sample in samples() if sample.op.__name__ == "Linear")
    code, _, err = minidl("check linaer")
    assert code == 2 and "did you mean Linear?" in err


def test_check_finds_a_planted_bug(minidl, monkeypatch):
    right = Exp.backward
    monkeypatch.setattr(Exp, "backward", lambda self, grad: 1.01 * right(self, grad))
    code, out, _ = minidl("check exp")
    assert code == 1
    assert "wrong" in out and "0 of 1 samples agree" in out and "Exp, matrix: " in out


@pytest.mark.parametrize("command", ["", "train", "evaluate", "models", "check", "doctor"])
def test_help_explains_every_command(minidl, command):
    code, out, _ = minidl(f"{command} --help")
    assert code == 0
    words = " ".join(out.split())
    expected = {
        "": ["train", "evaluate", "models", "check", "doctor", "Start with: minidl train"],
        "train": ["--resume", "Ctrl-C", "resnet8 for the digits", "--root", "--seed"],
        "evaluate": ["accuracy for each class", "--weights"],
        "models": ["parameters"],
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
