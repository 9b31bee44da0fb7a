"""The command line, run as a user would: results, Ctrl-C and --resume, clear messages."""

import errno
import json
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import minidl_kernels
import numpy as np
import pytest
from minidl_kernels import threads
from PIL import Image

import minidl.functional as F
from minidl import cli, models, nn, random, weights
from minidl.cli.doctor import diagnosis
from minidl.data import digits
from minidl.ops.elementwise import Exp
from minidl.samples import samples
from minidl.train import History, assembly, checkpoint, recipe
from minidl.train.config import Config
from minidl.train.recipe import configure

pytestmark = pytest.mark.usefixtures("in_own_folder")

CLOCKS = ("seconds", "images_per_second")
# Python ignores Ctrl-C if its parent did, which some test machines do.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from minidl.cli import main; main()"
)


@pytest.fixture
def minidl(monkeypatch, command_line):
    """Call the command line in this process, on few digits; return exit code, output, errors."""
    small = {split: digits(split).subset(np.arange(96)) for split in ("train", "test")}
    monkeypatch.setattr(assembly, "get_dataset", lambda _: lambda split, root: small[split])
    return command_line


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


def test_a_model_for_large_images_is_trained_in_its_small_configuration(minidl, tmp_path):
    code, out, err = minidl("train mobilenet_v1 --epochs 1 --lr 0.01 --out run")
    assert code == 0, err
    options = models.entry("mobilenet_v1").small.options
    said = " ".join(out.split())
    given = ", ".join(f"{name}={value}" for name, value in options.items())
    assert f"mobilenet_v1 in its small configuration ({given})" in said
    assert "its standard images are 224 x 224 pixels" in said
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["options"] == options and config["input_size"] == 32
    state = weights.load(tmp_path / "run" / "last.safetensors")
    small = models.create_small("mobilenet_v1", in_channels=1).state_dict()
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in small.items()}
    history = History.from_csv(tmp_path / "run" / "history.csv")
    code, out, err = minidl("evaluate run --weights last")
    assert code == 0, err
    assert f"mean loss {history['valid_loss'][-1]:.4f}" in out


def test_a_folder_of_photographs_is_trained_on(command_line, tmp_path):
    rng = np.random.default_rng(0)
    for name, colour in (("lake", (30, 60, 200)), ("wood", (20, 140, 40))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.clip(rng.normal(colour, 20, (30, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.jpg")
    code, out, err = command_line(
        "train resnet8 --data image_folder --root photos --image-size 16 --epochs 5 "
        "--batch-size 4 --out run"
    )
    assert code == 0, err
    assert "on image_folder: 16 images to learn from, 4 held out to test" in out
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["image_size"], config["root"]) == (16, "photos")
    assert History.from_csv(tmp_path / "run" / "history.csv")["valid_accuracy"][-1] == 1
    assert configure("resnet18", "image_folder", {}).image_size == 32
    assert configure("resnet18", "image_folder", {"image_size": 224}).options == {}


def test_a_recipe_is_shown_and_followed(minidl, tmp_path):
    code, out, _ = minidl("train --recipe mnist-lenet5 --show")
    assert code == 0 and out == recipe.recipe_text("mnist-lenet5")
    code, _, err = minidl("train --recipe cifar10-resnet20 --data digits --epochs 1 --out run")
    assert code == 0, err
    config = Config.load(tmp_path / "run" / "config.json")
    assert (config.model, config.schedule, config.tta) == ("resnet20", "one_cycle", "ten")
    code, _, err = minidl("train --recipe cifar")
    assert code == 2 and "no recipe 'cifar'; there are" in " ".join(err.split())
    code, _, err = minidl("train --show")
    assert code == 2 and "there are cifar10-densenet" in " ".join(err.split())


def test_auxiliary_heads_learn_too(minidl, tmp_path):
    code, _, err = minidl("train googlenet_bn --epochs 1 --lr 0.01 --threads 1 --out run")
    assert code == 0, err
    best = weights.load(tmp_path / "run" / "last.safetensors")
    random.manual_seed(0)
    first = models.create_small("googlenet_bn", in_channels=1).state_dict()
    for key in ("fc.weight", "aux1.fc2.weight", "aux2.fc2.weight"):
        assert not np.array_equal(best[key], first[key]), key


def test_every_small_configuration_can_be_kept_in_a_run(tmp_path):
    for name in models.list_models():
        config = configure(name, "cifar10", {})
        config.save(tmp_path / "config.json")
        assert Config.load(tmp_path / "config.json") == config, name
        small = models.entry(name).small
        if small is not None and models.entry(name).input_shape[1] > 32:
            assert config.options == small.options and config.input_size == small.input_shape[1]
        else:
            assert config.options == {}


class Embedding(nn.Module):
    """Maps an image to 5 numbers, which are no scores of classes; takes 8 pixels of one channel."""

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        self.linear = nn.Linear(64, 5)

    def forward(self, x):
        return self.linear(F.relu(x).flatten(1))


def test_a_model_that_cannot_be_trained_so_is_refused_before_training(
    minidl, monkeypatch, tmp_path
):
    known = models.entry("lenet5")
    monkeypatch.setattr(
        models.registry,
        "_entries",
        {"embedding": replace(known, name="embedding", build=Embedding), "lenet5": known},
    )
    code, _, err = minidl("train embedding")
    assert code == 2 and "does not return one score for each class" in " ".join(err.split())
    wide = {"input_size": 12}
    monkeypatch.setattr(recipe, "_configuration", lambda *_: wide)
    code, _, err = minidl("train embedding")
    assert code == 2 and "embedding does not take the images of digits: linear in layer" in err
    assert "144" in err and list(tmp_path.iterdir()) == []


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


def test_a_full_disk_ends_with_a_message(minidl, monkeypatch, tmp_path):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.warns(UserWarning, match="No space left"):
        code, _, err = minidl("train lenet5 --epochs 1 --out run")
    assert code == 1
    assert "No space left" in err and "Traceback" not in err


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


def test_models_are_listed_with_parameters_macs_and_papers(minidl):
    code, out, _ = minidl("models")
    assert code == 0
    (line,) = [line for line in out.splitlines() if "resnet20 " in line]
    for word in ("3x32x32", "269,722", "40,551,040", "He et"):
        assert word in line
    assert all(name in out for name in models.list_models())


def test_models_are_found_by_a_word_of_name_or_paper(minidl):
    code, out, _ = minidl("models lenet")
    assert code == 0 and "lenet5" in out and "61,706" in out and "resnet20" not in out
    code, out, _ = minidl("models 'deep residual'")
    assert code == 0 and "resnet20" in out and "lenet5" not in out
    assert "Deep Residual Learning for Image Recognition, 2015" in " ".join(out.split())
    code, _, err = minidl("models xyz")
    assert code == 2 and "no model has 'xyz' in its name or paper" in err and "lenet5" in err


def test_summary_shows_layers_and_totals(minidl):
    code, out, _ = minidl("summary lenet5")
    assert code == 0
    (line,) = [line for line in out.splitlines() if " conv2 " in line]
    # 16 filters of 6·5·5 weights over 10 × 10 pixels; (5 + 1 pooled) + 4·2 = 14 pixels seen
    for word in ("16 × 10 × 10", "2,416", "240,000", " 14 "):
        assert word in line
    assert "61,706 parameters" in out and "416,520 MACs" in out and "1 MAC = 2 FLOPs" in out


def test_summary_goes_as_deep_as_asked(minidl):
    code, out, _ = minidl("summary resnet8 --depth 1")
    assert code == 0 and "layer1" in out and "BasicBlock" not in out
    code, deep, _ = minidl("summary resnet8 --depth 3")
    assert code == 0 and "BasicBlock" in deep and "conv2" in deep
    for text in (out, deep):
        assert "75,002 parameters" in text and "747,136 MACs" in text


def test_summary_of_another_input_and_of_the_small_configuration(minidl):
    code, out, _ = minidl("summary resnet8 --input 3x32x32")
    assert code == 0 and "3 × 32 × 32" in out and "12,239,488 MACs" in out  # see test_models.py
    code, out, _ = minidl("summary mobilenet_v1 --small")
    assert code == 0 and "3 × 32 × 32" in out and "10 " in out


def test_compare_prints_and_draws(minidl, tmp_path):
    code, out, _ = minidl("compare resnet20 densenet40 lenet5 --out pictures/three.png")
    assert code == 0
    for name, parameters, macs in (
        ("resnet20", "269,722", "40,551,040"),
        ("densenet40", "1,019,722", "264,812,928"),
        ("lenet5", "61,706", "416,520"),
    ):
        (line,) = [line for line in out.splitlines() if f" {name} " in line]
        assert parameters in line and macs in line
    pixels = matplotlib.image.imread(tmp_path / "pictures" / "three.png")
    assert pixels.shape[1] >= 900 and pixels.std() > 0.05


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("summary resnet21", ["no model 'resnet21'", "resnet20"]),
        ("compare lenet5 resnet21", ["no model 'resnet21'", "resnet20"]),
        ("summary resnet20 --input 32", ["channels x height x width", "'32'"]),
        ("summary resnet20 --input 3x0x32", ["'3x0x32'"]),
        (
            "summary lenet5 --input 1x28x28",
            ["lenet5 does not take", "1x32x32", "fc1", "400", "256"],
        ),
        ("summary resnet20 --depth=-1", ["--depth"]),
        ("compare", ["names"]),
    ],
)
def test_mistakes_about_models_are_answered_with_one_message(minidl, tmp_path, line, words):
    code, out, err = minidl(line)
    assert code == 2
    assert all(word in " ".join(err.split()) for word in words), err
    assert "Traceback" not in err and out == "" and list(tmp_path.iterdir()) == []


def test_doctor_shows_what_it_depends_on(minidl):
    code, out, _ = minidl("doctor")
    assert code == 0
    for word in ("NumPy", np.__version__, "Numba", "kernels", "threads", "MINIDL_DATA", "digits"):
        assert word in out
    assert "ready, 360 test images" in out


@pytest.fixture
def doctor(minidl):
    """Make a dict of what the doctor finds, out of the table that the command prints."""

    def call() -> dict[str, str]:
        code, out, err = minidl("doctor")
        assert code == 0, err
        found: dict[str, str] = {}
        name = ""
        for line in out.splitlines():
            cells = [cell.strip() for cell in line.strip("│| ").split("│")]
            if len(cells) == 1 and line[:2] in ("│ ", "| "):  # the value's next line
                cells = ["", cells[0]]
            if len(cells) == 2:
                name = cells[0] or name
                found[name] = f"{found.get(name, '')} {cells[1]}".strip()
        return found

    return call


def test_doctor_names_versions_and_kernels(doctor):
    with minidl_kernels.use("numba"):
        found = doctor()
    for package in ("numba", "llvmlite"):
        assert found["Numba" if package == "numba" else package] == metadata.version(package)
    assert found["NumPy"] == np.__version__
    assert found["Python"].startswith(platform.python_version())
    assert found["kernels"].startswith("numba (of naive, numpy, numba")
    with minidl_kernels.use("numpy"):
        found = doctor()
    assert found["kernels"].startswith("numpy (of") and "vectors" not in found


def test_doctor_says_which_vectors_and_why(doctor, monkeypatch):
    with minidl_kernels.use("numba"):
        vector = minidl_kernels.active().vector
        monkeypatch.setattr(vector, "WIDE", True)
        assert doctor()["vectors"].startswith("16 numbers wide, held in the registers of AVX-512")
        monkeypatch.setattr(vector, "WIDE", False)
        monkeypatch.delenv("MINIDL_VECTORS", raising=False)
        found = doctor()["vectors"]
        assert found.startswith("plain loops") and found.endswith("has no AVX-512")
        monkeypatch.setenv("MINIDL_VECTORS", "0")
        assert doctor()["vectors"] == "plain loops, as MINIDL_VECTORS=0 says"


def test_doctor_says_where_the_number_of_threads_came_from(monkeypatch):
    for name in ("MINIDL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "_chosen", None)
    cores = f"{threads.available_cores()}, from the {threads.available_cores()} of {os.cpu_count()}"
    assert dict(diagnosis())["threads"].startswith(cores)
    for value in ("no number", "0"):  # neither says how many
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert dict(diagnosis())["threads"].startswith(cores)
    for name in ("OMP_NUM_THREADS", "MINIDL_NUM_THREADS"):  # the second goes before the first
        monkeypatch.setenv(name, "1")
        monkeypatch.setattr(threads, "_chosen", None)
        assert dict(diagnosis())["threads"].startswith(f"1, from {name}=1, at most")
    assert "Python's own threads" in dict(diagnosis())["threading layer"]


def test_doctor_shows_where_compiled_kernels_are_kept(monkeypatch):
    with minidl_kernels.use("numba"):
        F.relu(np.ones((2, 3), np.float32))
        folder = Path(dict(diagnosis())["compiled kernels"].rpartition(" (writable, ")[0])
        assert list(folder.glob("relu.*.nbi"))
        with monkeypatch.context() as without_rights:
            without_rights.setattr(os, "access", lambda *_: False)
            assert "(NOT WRITABLE, " in dict(diagnosis())["compiled kernels"]
        uncached = SimpleNamespace(stats=SimpleNamespace(cache_path=None))
        monkeypatch.setattr(minidl_kernels.active(), "relu", SimpleNamespace(kernel=uncached))
        found = dict(diagnosis())["compiled kernels"]
        assert found.startswith("compiled anew by every run: set NUMBA_CACHE_DIR")
        monkeypatch.setattr(minidl_kernels.active(), "relu", SimpleNamespace())
        monkeypatch.setattr(minidl_kernels.active().vector, "WIDE", False)
        found = dict(diagnosis())
        assert found["compiled kernels"] == "none: NUMBA_DISABLE_JIT is set"
        assert found["vectors"].startswith("none: NUMBA_DISABLE_JIT is set")


def test_doctor_shows_blas_and_its_threads(monkeypatch):
    openblas = {
        "user_api": "blas",
        "internal_api": "openblas",
        "version": "0.3.30",
        "architecture": "Zen",
        "num_threads": 1,
    }
    others = {"user_api": "openmp", "internal_api": "openmp", "num_threads": 2}
    module = sys.modules["minidl.cli.doctor"]  # cli.doctor is the command
    monkeypatch.setattr(module, "threadpool_info", lambda: [others, openblas])
    expected = "openblas 0.3.30 with kernels for Zen on 1 thread(s)"
    assert dict(diagnosis())["BLAS"] == expected
    monkeypatch.setattr(module, "threadpool_info", lambda: [others])  # Apple's
    assert "does not tell its kernels and threads" in dict(diagnosis())["BLAS"]


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


@pytest.mark.parametrize(
    "command", ["", "train", "evaluate", "models", "summary", "compare", "check", "doctor"]
)
def test_help_explains_every_command(minidl, command):
    code, out, _ = minidl(f"{command} --help")
    assert code == 0
    words = " ".join(out.split())
    expected = {
        "": ["train", "evaluate", "models", "summary", "compare", "check", "doctor", "Start with:"],
        "train": ["--resume", "Ctrl-C", "resnet8 for the digits", "--root", "--seed"],
        "evaluate": ["accuracy for each class", "--weights"],
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
