"""Early stopping: after how many epochs, by which column."""

import pytest

from minidl.train import Callback, EarlyStopping


class Column(Callback):
    """Replace a column of the history by given numbers."""

    order = -1

    def __init__(self, name: str, *values: float) -> None:
        self.name, self.values = name, values

    def on_epoch_end(self, state):
        state.history.rows[-1][self.name] = self.values[state.epoch - 1]


NAN = float("nan")


@pytest.mark.parametrize(
    ("patience", "options", "column", "values", "epochs", "best"),
    [
        (1, {}, "valid_loss", [3, 2, 2, 1], 3, 2),  # equal is no improvement
        (2, {}, "valid_loss", [3, 2, 2, 1, 4, 4, 0], 6, 4),
        (2, {}, "valid_loss", [3, 4, NAN, 1], 3, 1),
        (1, {"min_delta": 0.5}, "valid_loss", [3, 2, 1.5, 0], 3, 2),  # by exactly min_delta
        (1, {"monitor": "valid_accuracy"}, "valid_accuracy", [0.1, 0.2, 0.3, 0.2, 0.9], 4, 3),
        (1, {"monitor": "train_loss"}, "train_loss", [1, 2, 0], 2, 1),
        (9, {}, "valid_loss", [1, 2, 3], 3, 1),
    ],
)
def test_it_ends_when_patience_does(problem, patience, options, column, values, epochs, best):
    stopping = EarlyStopping(patience, **options)
    p = problem(Column(column, *values), stopping)
    assert len(p.fit(epochs=len(values))) == epochs
    assert stopping.epoch == best
    assert stopping.best == values[best - 1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"patience": 0}, "patience counts epochs.*not 0"),
        ({"patience": 1, "monitor": "loss"}, "one of train_loss.*not 'loss'"),
        ({"patience": 1, "min_delta": -1.0}, "min_delta is a distance.*not -1"),
        ({"patience": 1, "min_delta": NAN}, "min_delta is a distance.*not nan"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        EarlyStopping(**arguments)


def test_it_needs_validation_images_only_if_it_looks_at_them(problem):
    p = problem(EarlyStopping(1))
    with pytest.raises(ValueError, match="needs validation images"):
        p.trainer.fit(p.train, None, 1)
    p = problem(EarlyStopping(1, "train_loss"))
    assert len(p.trainer.fit(p.train, None, 1)) == 1
