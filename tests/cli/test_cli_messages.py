"""Mistakes are answered with one message; nothing a user had is lost."""

import sys

import pytest

from minidl import cli


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
    monkeypatch.setattr("minidl.cli.training.run", lambda *_, **__: digits_missing())
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
    monkeypatch.setattr("minidl.cli.training.run", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["minidl", "train"])
    with pytest.raises(ZeroDivisionError):
        cli.main()
