"""The learning-rate finder: what it computes, what it suggests, and that it leaves no trace."""

import numpy as np
import pytest

import minidl
from minidl import functional as F
from minidl import random
from minidl.data import DataLoader
from minidl.optim import SGD
from minidl.train import LRFinding, lr_find
from minidl.train.lr_finder import BETA
from tests.train.conftest import small_digits, small_model


def make(lr: float = 0.05) -> tuple:
    minidl.manual_seed(0)
    model = small_model()
    optimizer = SGD(model.parameters(), lr, momentum=0.9, weight_decay=1e-3)
    return model, optimizer, DataLoader(small_digits("train", 70), 16, shuffle=True, seed=0)


def test_it_trains_with_rates_that_rise_geometrically():
    finding = lr_find(*make(), start=1e-4, end=1e-1, steps=13)
    np.testing.assert_allclose(finding.lrs, np.geomspace(1e-4, 1e-1, 13))

    model, optimizer, batches = make()
    losses = []
    for lr, (images, labels) in zip(finding.lrs, [b for _ in range(3) for b in batches]):  # noqa: B905
        optimizer.param_groups[0]["lr"] = float(lr)
        loss = F.cross_entropy(model(images), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.testing.assert_array_equal(finding.losses, losses)
    assert len(losses) == 13 > len(batches)  # more than an epoch
    assert abs(losses[12] - losses[0]) > 0.1


def test_the_mean_is_smoothed_and_its_bias_corrected():
    losses = np.random.default_rng(0).standard_normal(9)
    finding = LRFinding(np.geomspace(1e-3, 1, 9), losses)
    for s in range(9):
        weights = BETA ** np.arange(s, -1, -1.0)  # the newest counts 1
        assert finding.smoothed[s] == pytest.approx(np.average(losses[: s + 1], weights=weights))


def curve(steps: int = 200) -> LRFinding:
    """Flat, then falling fast around 1e-3, slowly up to 1e-1, then rising."""
    x = np.linspace(-7, 1, steps)  # log10 of the rate
    loss = 2.3 - 0.8 / (1 + np.exp(-12 * (x + 3))) - 0.1 * np.clip(x + 3, 0, 2)
    return LRFinding(10**x, loss + 40 * np.clip(x + 1, 0, None) ** 2)


def test_the_suggestion_is_where_the_mean_falls_most_steeply():
    finding = curve()
    slope = np.gradient(finding.smoothed, np.log(finding.lrs))
    assert finding.suggestion == finding.lrs[slope.argmin()]
    assert 1e-3 <= finding.suggestion < 1e-2  # a little late, as the mean is
    assert finding.minimum == finding.lrs[finding.smoothed.argmin()]
    assert finding.suggestion < finding.minimum < 1


def test_steep_places_at_the_start_and_after_the_lowest_are_not_meant():
    finding = curve()
    losses = finding.losses.copy()
    losses[0] += 3  # the mean of the first few falls steeply
    losses[-12:-10] += 3000  # and after an explosion it falls again
    other = LRFinding(finding.lrs, losses)
    slope = np.gradient(other.smoothed)
    assert slope[:20].min() < 3 * slope[20:170].min()
    assert slope[190:].min() < 3 * slope[20:170].min()
    assert 1e-3 <= other.suggestion < 1e-2


@pytest.mark.parametrize("losses", [[1.0, 2, 3, 4], [1.0]])
def test_a_loss_that_never_fell_has_no_suggestion(losses):
    finding = LRFinding(np.geomspace(1e-5, 1e-2, len(losses)), np.array(losses))
    with pytest.raises(ValueError, match=r"lowest at 1e-05, too near.*search from a lower rate"):
        _ = finding.suggestion


def test_it_stops_when_the_loss_has_exploded():
    finding = lr_find(*make(), start=1e-3, end=1e6, steps=60)
    assert len(finding.lrs) == len(finding.losses) < 60
    assert np.isfinite(finding.losses).all()
    assert finding.suggestion < 10


def test_it_stops_when_the_loss_is_no_number():
    model, optimizer, batches = make()
    factors = iter([1.0, 1.0, 1.0, float("nan")])
    finding = lr_find(
        model, optimizer, batches, loss=lambda x, y: F.cross_entropy(x, y) * next(factors)
    )
    assert len(finding.losses) == len(finding.lrs) == 3


def test_groups_keep_their_ratio():
    model, _, batches = make()
    parts = list(model.children())
    groups = [
        {"params": parts[0].parameters(), "lr": 0.01},
        {"params": parts[5].parameters(), "lr": 0.04},
    ]
    seen = []

    class Watched(SGD):
        def step(self):
            seen.append([group["lr"] for group in self.param_groups])
            super().step()

    optimizer = Watched(groups, lr=1.0)
    finding = lr_find(model, optimizer, batches, start=1e-3, end=1e-1, steps=3)
    np.testing.assert_allclose(seen, np.outer(finding.lrs, [0.25, 1]))
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.04]


# ----------------------------------------------------------------------- nothing is left behind


def picture(model, optimizer) -> dict:
    """Everything a search could change, as text and bytes."""
    arrays = {name: array.tobytes() for name, array in model.state_dict().items()}
    memory = optimizer.state_dict()
    for position, kept in memory["state"].items():
        for name, array in kept.items():
            arrays[f"{position} {name}"] = array.tobytes()
    return arrays | {
        "groups": repr(memory["param_groups"]),
        "chance": repr(random.get_state()),
        "modes": [module.training for module in model.modules()],
        "gradients": [id(p.grad) for p in model.parameters()],
    }


def fail(error: BaseException):
    calls = []

    def loss(logits, labels):
        calls.append(1)
        if len(calls) == 5:
            raise error
        return F.cross_entropy(logits, labels)

    return loss


@pytest.mark.parametrize("peeked", [False, True])
@pytest.mark.parametrize("error", [None, ConnectionError("network"), KeyboardInterrupt()])
def test_everything_is_put_back(error, peeked):
    model, optimizer, batches = make()
    if peeked:
        next(iter(batches))
    F.cross_entropy(model(np.zeros((4, 1, 8, 8), np.float32)), np.arange(4)).backward()
    optimizer.step()  # momentum is there, and gradients are
    model.eval()
    list(model.children())[4].train()
    before = picture(model, optimizer)
    if error is None:
        lr_find(model, optimizer, batches, start=1e-3, end=1, steps=20)
    else:
        with pytest.raises(type(error)):
            lr_find(model, optimizer, batches, fail(error), start=1e-3, end=1, steps=20)
    assert picture(model, optimizer) == before

    untouched = make()[2]
    if peeked:
        next(iter(untouched))
    for _ in range(2):
        for ours, theirs in zip(batches, untouched, strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": 0.0}, "0 < start < end, not start=0.0"),
        ({"start": 2.0, "end": 1.0}, "not start=2.0, end=1.0"),
        ({"end": float("nan")}, "end=nan"),
        ({"steps": 1}, "at least 2, not 1"),
        ({"batches": []}, "batches are empty"),
        ({"loss": lambda x, y: F.cross_entropy(x, y) * float("inf")}, "first batch is no finite"),
    ],
)
def test_what_cannot_be_searched_is_refused(options, words):
    model, optimizer, batches = make()
    with pytest.raises(ValueError, match=words):
        lr_find(model, optimizer, **{"batches": batches, **options})
