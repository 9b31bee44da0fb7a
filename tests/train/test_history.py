"""The history as a table and as a CSV file."""

import csv
import math

import pytest

from minidl.train.history import COLUMNS, History


def rows() -> list[dict[str, float]]:
    return [
        dict(
            zip(COLUMNS, [1, 0.1 + 0.2, 0.5, math.nan, math.nan, 1e-5, 1.25, 1000.0], strict=True)
        ),
        dict(zip(COLUMNS, [2, 1 / 3, 0.75, 0.25, 2 / 3, 0.05, 1.5, 999.9], strict=True)),
    ]


def test_columns_are_found_by_name():
    history = History(rows())
    assert len(history) == 2
    assert history["epoch"] == [1, 2]
    assert history["train_accuracy"] == [0.5, 0.75]
    with pytest.raises(KeyError, match="no column 'loss'; it has epoch, train_loss"):
        history["loss"]


def test_csv_keeps_every_digit(tmp_path):
    path = tmp_path / "history.csv"
    History(rows()).to_csv(path)
    with path.open(newline="") as file:
        assert next(csv.reader(file)) == list(COLUMNS)
    back = History.from_csv(path)
    assert repr(back.rows) == repr(rows())  # repr: NaN is not equal to itself
    assert isinstance(back.rows[0]["epoch"], int)
    assert [p.name for p in tmp_path.iterdir()] == ["history.csv"]
