"""Ctrl-C, kills and `minidl train --resume`, bit for bit."""

import os
import signal
import time
from pathlib import Path

import pytest

from minidl.train import checkpoint
from tests.cli.runs import assert_same_run, process, rows, wait_for


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
