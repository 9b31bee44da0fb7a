"""`minidl tune`, as a user would call it; and `minidl evaluate` with several runs and views."""

import json
import signal
import sys
from dataclasses import asdict, replace

import matplotlib.image
import numpy as np
import pytest

import minidl.functional as F
from minidl import random, weights
from minidl.data import digits
from minidl.train import assembly, ranking
from minidl.train.config import Config
from minidl.train.ranges import LogUniform
from minidl.train.recipe import configure
from minidl.train.search import read_csv
from minidl.train.tune import train_until

SMALL = {split: digits(split).subset(np.arange(100)) for split in ("train", "test")}


@pytest.fixture
def minidl(monkeypatch, command_line):
    """Call the command line on 100 digits; return exit code, output, errors."""
    monkeypatch.setattr(assembly, "get_dataset", lambda _: lambda split, root: SMALL[split])
    monkeypatch.setenv("COLUMNS", "120")
    return command_line


def outcomes(folder):
    """The rows of a search without its clock times."""
    return [replace(result, seconds=0) for result in read_csv(folder / "trials.csv")]


# ---------------------------------------------------------------------------------------- tune


def test_a_search_leaves_table_picture_and_a_command_that_trains_the_best(
    minidl, monkeypatch, tmp_path
):
    code, out, err = minidl("tune --trials 4 --epochs 4 --threads 1 --seed 3 --momentum 0.8")
    assert code == 0, err
    folder = tmp_path / "runs" / "tune" / "resnet8-digits-1"
    assert sorted(file.name for file in folder.iterdir()) == [
        "search.json",
        "search.png",
        "trials.csv",
    ]
    assert matplotlib.image.imread(folder / "search.png").std() > 0.05
    results = read_csv(folder / "trials.csv")
    assert [(r.epochs) for r in results] == [1] * 4 + [2] * 2 + [4]
    assert "80 images to learn from, 20 of the training images held out" in out
    assert "4 until epoch 1, then 2 until epoch 2, then 1 until epoch 4" in out
    best = ranking(results)[0]
    assert set(best.settings) == {"lr", "weight_decay", "batch_size"}
    assert f"{best.accuracy:.2%}" in out and f"settings of trial {best.trial}" in out

    asked_for = []

    def run(config, *_, **__):
        asked_for.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr("minidl.cli.training.run", run)
    command = out.strip().splitlines()[-1].strip()
    minidl(f"{command.removeprefix('minidl ')} --threads 1")
    searched = json.loads((folder / "search.json").read_text())
    del searched["ranges"]
    expected = {**searched, **best.settings, "mean": (), "std": ()}  # the run computes the last two
    assert json.loads(json.dumps(asdict(asked_for[0]))) == json.loads(json.dumps(expected))
    assert asked_for[0].momentum == 0.8 and asked_for[0].seed == 3


def test_the_test_images_are_not_even_loaded(minidl, monkeypatch):
    splits = []

    def load(split, root):
        splits.append(split)
        return SMALL[split]

    monkeypatch.setattr(assembly, "get_dataset", lambda _: load)
    assert minidl("tune --trials 2 --epochs 1 --threads 1")[0] == 0
    assert set(splits) == {"train"}


def test_trained_in_parts_is_trained_in_one(tmp_path):
    """What halving relies on: a trial goes on from where it stood, bit for bit."""
    train, held_out = SMALL["train"].split(0.2)
    config = configure("resnet8", "digits", {"epochs": 4, "batch_size": 16, "threads": 1})
    config = replace(config, mean=train.mean, std=train.std)
    seen = {}
    for name, parts in {"whole": [4], "parts": [1, 2, 4]}.items():
        for epochs in parts:
            seen[name] = train_until(config, train, held_out, epochs, tmp_path / name)
    assert seen["whole"] == seen["parts"]
    assert train_until(config, train, held_out, 4, tmp_path / "whole") == seen["whole"]


def test_random_search_trains_all_to_the_end(minidl, tmp_path):
    line = "tune lenet5 --trials 3 --epochs 2 --random --batch-size 16 --threads 1 --out s"
    code, out, err = minidl(line)
    assert code == 0, err
    results = read_csv(tmp_path / "s" / "trials.csv")
    assert [(r.trial, r.epochs) for r in results] == [(0, 2), (1, 2), (2, 2)]
    assert all(set(r.settings) == {"lr", "weight_decay"} for r in results)
    assert "--batch-size 16" in out.splitlines()[-1]


def test_a_stopped_search_goes_on_from_the_step_it_stood_at(minidl, monkeypatch, tmp_path):
    line = "tune --trials 2 --epochs 2 --batch-size 20 --threads 1"
    assert minidl(f"{line} --out whole")[0] == 0
    steps = 0

    def loss(_):
        def press(outputs, labels):
            nonlocal steps
            steps += 1
            if steps == 7:  # in the second trial's first epoch, of four steps and the validation
                signal.raise_signal(signal.SIGINT)
            return F.cross_entropy(outputs, labels)

        return press

    monkeypatch.setattr(assembly, "loss", loss)
    code, out, _ = minidl(f"{line} --out broken")
    assert code == 130
    assert "Stopped." in out and "--out broken" in out
    assert outcomes(tmp_path / "broken") == outcomes(tmp_path / "whole")[:1]
    assert (tmp_path / "broken" / "trial-1.safetensors").exists()
    steps = 100
    before = steps
    assert minidl(f"{line} --out broken")[0] == 0
    assert outcomes(tmp_path / "broken") == outcomes(tmp_path / "whole")
    # two steps and a validation of trial 1, then an epoch and a validation of the better one
    assert steps - before == 3 + 5
    assert not list((tmp_path / "broken").glob("*.safetensors"))


def test_a_finished_search_can_be_made_longer(minidl, tmp_path):
    line = "tune --epochs 1 --threads 1 --out s"
    assert minidl(f"{line} --trials 1")[0] == 0
    first = read_csv(tmp_path / "s" / "trials.csv")
    assert minidl(f"{line} --trials 2")[0] == 0
    second = read_csv(tmp_path / "s" / "trials.csv")
    assert second[:1] == first and len(second) == 2


def test_another_search_is_not_mixed_into_a_folder(minidl, tmp_path):
    assert minidl("tune --trials 1 --epochs 1 --threads 1 --out s")[0] == 0
    before = (tmp_path / "s" / "trials.csv").read_bytes()
    for change, words in [
        ("--lr 0.1:1", "'lr': '0.001 to 1, logarithmic'"),
        ("--seed 5", "seed was 0, is 5"),
        ("--epochs 2", "epochs was 1, is 2"),
    ]:
        code, _, err = minidl(f"tune --trials 1 --epochs 1 --threads 1 --out s {change}")
        assert code == 2 and "s holds another search" in err and words in err, err
        assert "another folder with --out" in err
    assert (tmp_path / "s" / "trials.csv").read_bytes() == before


@pytest.mark.parametrize(("file", "text"), [("search.json", "{"), ("trials.csv", "trial\n1,2,3\n")])
def test_a_damaged_search_is_refused(minidl, tmp_path, file, text):
    assert minidl("tune --trials 1 --epochs 1 --threads 1 --out s")[0] == 0
    (tmp_path / "s" / file).write_text(text)
    code, _, err = minidl("tune --trials 1 --epochs 1 --threads 1 --out s")
    assert code == 2 and "the search in s cannot be read" in err
    assert (tmp_path / "s" / file).read_text() == text


def test_a_run_is_not_searched_over(minidl, tmp_path):
    configure("resnet8", "digits", {}).save(tmp_path / "run" / "config.json")
    code, _, err = minidl("tune --out run")
    assert code == 2 and "run already holds a run" in err


def test_a_diverged_trial_is_a_result(minidl, tmp_path):
    code, out, err = minidl("tune lenet5 --trials 5 --epochs 1 --threads 1 --lr 0.02,1e20 --out s")
    assert code == 0, err
    results = read_csv(tmp_path / "s" / "trials.csv")
    assert {r.settings["lr"]: r.diverged for r in results} == {0.02: False, 1e20: True}
    assert out.count("diverged") == 2 * sum(r.diverged for r in results)  # its line, its row
    assert "--lr 0.02" in out.splitlines()[-1]

    code, _, err = minidl("tune lenet5 --trials 2 --epochs 2 --threads 1 --lr 1e20:1e21 --out t")
    assert code == 2 and "all 2 trials diverged" in err and "lower learning rates" in err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--lr 1:0.1", ["--lr takes", "needs low < high, not 1 and 0.1"]),
        ("--lr 0:0.1", ["must begin above 0"]),
        ("--lr fast", ["--lr takes, for example, 0.01:0.1 or 0.01,0.03,0.1, not 'fast'"]),
        ("--lr 1:2:3", ["--lr takes"]),
        ("--lr 0.1,0", ["it must be greater than 0"]),
        ("--lr nan", ["it must be greater than 0"]),
        ("--batch-size 32:64", ["--batch-size takes, for example, 32,64,128, not '32:64'"]),
        ("--batch-size 0", ["it must be at least 1"]),
        ("--momentum 0.5:1", ["--momentum takes", "less than 1"]),
        ("--weight-decay=-1", ["--weight-decay takes", "0 or greater"]),
        ("--lr 0.1 --weight-decay 0 --batch-size 32", ["nothing to search for"]),
        ("--trials 0", ["--trials"]),
        ("--factor 1", ["--factor"]),
        ("resnet9", ["no model 'resnet9'", "resnet8"]),
        ("--data cifar11", ["no dataset 'cifar11'"]),
    ],
)
def test_mistakes_are_answered_with_one_message(minidl, tmp_path, option, words):
    code, out, err = minidl(f"tune {option}")
    assert code == 2 and out == ""
    assert all(word in " ".join(err.split()) for word in words), err
    assert list(tmp_path.iterdir()) == []


def test_a_range_is_read_as_it_is_written():
    from_text = sys.modules["minidl.cli.tune"].parse
    assert from_text("lr", "1e-3:1") == LogUniform(1e-3, 1)
    assert from_text("batch_size", "32,64").values == (32, 64)
    assert str(from_text("momentum", "0.5:0.9")) == "0.5 to 0.9"


# ------------------------------------------------------------------------------------ evaluate


@pytest.fixture
def two_runs(tmp_path):
    """Folders as runs leave them, of models that disagree: they know nothing yet."""
    train = SMALL["train"]
    for seed in (1, 2):
        config = configure("resnet8", "digits", {"threads": 1, "seed": seed})
        config = replace(config, mean=train.mean, std=train.std)
        config.save(tmp_path / f"run{seed}" / "config.json")
        random.manual_seed(seed)
        state = assembly.build(config, train).state_dict()
        weights.save(state, tmp_path / f"run{seed}" / "best.safetensors")


def probabilities(folder, view=lambda images: images):
    """The model's answers, computed by hand from its files."""
    config = Config.load(folder / "config.json")
    model = assembly.build(config, SMALL["test"])
    model.load_state_dict(weights.load(folder / "best.safetensors"))
    model.eval()
    pixels = view(SMALL["test"].images)
    x = (pixels / 255 - config.mean[0]) / config.std[0]
    return F.softmax(model(x.astype(np.float32)), axis=1).data


def accuracy(p):
    return f"{np.mean(p.argmax(axis=1) == SMALL['test'].labels):.2%}"


def test_several_runs_are_an_ensemble(minidl, two_runs, tmp_path):
    code, out, err = minidl("evaluate run1 run2")
    assert code == 0, err
    each = [probabilities(tmp_path / name) for name in ("run1", "run2")]
    together = np.mean(each, axis=0)
    loss = -np.log(together[np.arange(100), SMALL["test"].labels]).mean()
    assert "resnet8 + resnet8 on digits, best weights" in out
    assert f"run1 alone: {accuracy(each[0])}" in out and f"run2 alone: {accuracy(each[1])}" in out
    total = next(line for line in out.splitlines() if "all" in line)
    assert accuracy(together) in total
    assert out.strip().endswith(f"mean loss {loss:.4f}")


def test_views_are_averaged(minidl, two_runs, tmp_path):
    code, out, err = minidl("evaluate run1 --tta flip")
    assert code == 0, err
    own = probabilities(tmp_path / "run1")
    mirrored = probabilities(tmp_path / "run1", lambda images: images[..., ::-1])
    together = (own + mirrored) / 2
    loss = -np.log(together[np.arange(100), SMALL["test"].labels]).mean()
    assert "best weights, and mirrored" in out and "alone" not in out
    assert out.strip().endswith(f"mean loss {loss:.4f}")
    losses = {
        minidl(f"evaluate run1 --tta {tta}")[1].split()[-1] for tta in ("none", "five", "ten")
    }
    assert len(losses) == 3


def test_an_ensemble_of_different_data_is_refused(minidl, two_runs, tmp_path):
    config = Config.load(tmp_path / "run2" / "config.json")
    replace(config, data="mnist").save(tmp_path / "run2" / "config.json")
    code, _, err = minidl("evaluate run1 run2")
    assert code == 2
    assert "models for the same images, these are run1 on digits, run2 on mnist" in " ".join(
        err.split()
    )
