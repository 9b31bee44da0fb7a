"""`minidl train`: what reaches a run, and what a run leaves."""

import errno
import json
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from PIL import Image

import minidl.functional as F
from minidl import models, nn, random, weights
from minidl.train import History, checkpoint, recipe
from minidl.train.config import Config
from minidl.train.recipe import configure
from tests.cli.runs import assert_same_run, process, rows


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
    said = "embedding does not take the images of digits at 12 x 12 pixels: linear in layer"
    assert code == 2 and said in err
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
