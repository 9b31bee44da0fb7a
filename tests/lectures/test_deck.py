"""The rows' own check: what counts as agreeing with a printed number, and how a failure reads."""

from typing import Any

import pytest

import minidl
from minidl import nn
from tests.lectures.deck import Row, agrees, check, meant
from tests.lectures.network import Network


def row(printed: Any, value: Any = None, **options: Any) -> Row:
    return Row("Full architecture", "the total", printed, lambda: value, **options)


@pytest.mark.parametrize(
    ("printed", "options", "smallest", "largest"),
    [
        ("35K", {}, 34_500, 35_500),
        ("112.9M", {}, 112_850_000, 112_950_000),
        ("112Ki", {}, 114_176, 115_200),  # 111.5 · 1024, 112.5 · 1024
        ("3.6 × 10⁹", {}, 3_550_000_000, 3_650_000_000),
        ("62,378,344", {}, 62_378_344, 62_378_344),
        ("800K", {"digits": 2}, 795_000, 805_000),
        ("140M", {"digits": 2}, 135_000_000, 145_000_000),
        ("249 MB", {"cut": True}, 249_000_000, 249_999_999),
        (147, {}, 147, 147),
    ],
)
def test_rounding(printed: Any, options: dict[str, Any], smallest: int, largest: int) -> None:
    assert agrees(row(printed, **options), smallest)
    assert agrees(row(printed, **options), largest)
    assert not agrees(row(printed, **options), smallest - 1)
    assert not agrees(row(printed, **options), largest + 1)


def test_shares() -> None:
    assert agrees(row("81%"), 49 / 27 - 1)
    assert not agrees(row("82%"), 49 / 27 - 1)


def test_what_is_meant() -> None:
    assert meant("112.9M") == (112_900_000, 100_000)


def test_a_failure_names_deck_and_slide() -> None:
    with pytest.raises(
        AssertionError,
        match="Aarhus, slide “Full architecture”, the total: printed is 35K, minidl has 36000",
    ):
        check("Aarhus", row("35K", 36_000))


def test_a_disagreement_has_to_be_one() -> None:
    check("Aarhus", row("95", 96, ours=96, why="a misprint"))
    with pytest.raises(AssertionError, match="these agree, but the row says: a misprint"):
        check("Aarhus", row("95", 95, ours=95, why="a misprint"))
    with pytest.raises(AssertionError, match="instead of 96"):
        check("Aarhus", row("95", 97, ours=96, why="a misprint"))
    with pytest.raises(AssertionError, match="does not say why"):
        check("Aarhus", row("95", 96, ours=96))


def test_the_lectures_way_of_counting_has_to_give_the_lectures_number() -> None:
    check("Aarhus", row("24M", 15, ours=15, why="rows", counted=lambda: 24_100_000))
    with pytest.raises(AssertionError, match="the lecture's way it is 20000000"):
        check("Aarhus", row("24M", 15, ours=15, why="rows", counted=lambda: 20_000_000))


def test_near_is_not_far() -> None:
    check("Aarhus", row("100", 101, ours=101, why="inexact", within=0.02))
    with pytest.raises(AssertionError, match=r"3.0% off, not less than 2.0%"):
        check("Aarhus", row("100", 103, ours=103, why="inexact", within=0.02))


def test_a_network_knows_its_depth_and_what_it_sees() -> None:
    """Two ways of 2 and 1 convolutions that are added, then a linear layer: 3 layers deep."""

    class Fork(nn.Module):
        def __init__(self) -> None:
            self.long = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Conv2d(4, 3, 1))
            self.short = nn.Conv2d(2, 3, 3)
            self.fc = nn.Linear(3 * 2 * 3, 5)

        def forward(self, x: Any) -> Any:
            return self.fc((self.long(x) + self.short(x)).flatten(1))

    with minidl.shapes_only():
        net = Network(Fork(), 2, 4, 5)
        assert Network(Fork(), 2, 4, 5, skipping=r"^long\.1$").depth == 2
    assert net.depth == 3
    assert (net.steps["fc"].before, net.steps["fc"].behind) == (2, 3)
    assert net.steps["long"].seen == (2, 4, 5)
    assert net.steps["long"].shape == (3, 2, 3)
    assert net.sees("long") == (3, 3)
    assert net.weights("long") == 2 * 4 * 9 + 4 * 3
    assert net.parameters("long") == net.weights("long") + 4 + 3
    assert net.macs("long") == 6 * net.weights("long")
    assert net.sequence() == "CONV-CONV-CONV-FC"
