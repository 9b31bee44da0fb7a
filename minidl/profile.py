"""Where the time goes: a table of every op's forward and backward.

    with minidl.profile(model, batch=32) as report:
        F.cross_entropy(model(images), labels).backward()
    print(report)

The clock runs around each op's `forward` and `backward` and nothing else, in the two lines that say
`observed` (tensor.py and autograd.py). What is left of the block's time, such as Python between the
ops, the optimiser and loading, is the row "outside ops".

The first run of an op may compile its kernel, so run the code once before measuring it.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any
from weakref import WeakKeyDictionary

from minidl import scope
from minidl.autograd import Direction, Op, observe
from minidl.nn import Module

OUTSIDE = "outside ops"


@dataclass
class Row:
    """How often something ran, how long that took, and how many multiply-adds it was.

    Attributes:
        op: the operation's name, or "outside ops" or "total".
        direction: "forward" or "backward"; empty for "outside ops" and "total".
        layer: the dotted name of the layer it ran in, empty outside of all layers; None where
            layers are not told apart.
        calls: how often it ran.
        seconds: how long all calls took together.
        multiply_adds: how many multiply-adds they were; None if the op does not say.
    """

    op: str
    direction: str = ""
    layer: str | None = None
    calls: int = 0
    seconds: float = 0.0
    multiply_adds: int | None = None

    @property
    def name(self) -> str:
        """Operation and direction: "Conv2d forward"."""
        return f"{self.op} {self.direction}".rstrip()

    @property
    def gflops(self) -> float | None:
        """Billions of floating-point operations a second, two for each multiply-add."""
        if self.multiply_adds is None or not self.seconds:
            return None
        return 2 * self.multiply_adds / self.seconds / 1e9

    def add(self, calls: int, seconds: float, multiply_adds: int | None) -> None:
        """Count more calls of the same."""
        self.calls += calls
        self.seconds += seconds
        if multiply_adds is not None:
            self.multiply_adds = (self.multiply_adds or 0) + multiply_adds


@dataclass(repr=False)
class Report:
    """What `profile` measured. It is filled when the block ends, and prints as a table.

    Attributes:
        measured: a row for each op, direction and (if a model was given) layer, as they came.
        seconds: the time from the beginning of the block to its end.
        images: how many images went through; None if no batch was given.
    """

    measured: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    images: int | None = None

    @property
    def rows(self) -> list[Row]:
        """A row for each op and direction, and one for what is outside; the slowest first.

        Their seconds add up to `seconds`.
        """
        merged: dict[str, Row] = {}
        for row in self.measured:
            _summed(merged.setdefault(row.name, Row(row.op, row.direction)), [row])
        outside = Row(OUTSIDE, seconds=self.seconds - sum(row.seconds for row in self.measured))
        return sorted([*merged.values(), outside], key=lambda row: row.seconds, reverse=True)

    @property
    def by_layer(self) -> dict[str, list[Row]]:
        """The rows of each layer, under its dotted name; the slowest layer first.

        Under "" is what ran outside of all layers, such as the loss, and the backward of ops whose
        forward ran before the block. Empty if no model was given.
        """
        layers: dict[str, list[Row]] = {}
        for row in self.measured:
            if row.layer is not None:
                layers.setdefault(row.layer, []).append(row)
        seconds = {name: sum(row.seconds for row in rows) for name, rows in layers.items()}
        return {
            name: layers[name] for name in sorted(layers, key=seconds.__getitem__, reverse=True)
        }

    @property
    def total(self) -> Row:
        """All calls and multiply-adds, and the whole time of the block."""
        total = _summed(Row("total"), self.measured)
        total.seconds = self.seconds
        return total

    @property
    def images_per_second(self) -> float | None:
        """How many images a second went through; None if no batch was given."""
        return self.images / self.seconds if self.images is not None and self.seconds else None

    def share(self, row: Row) -> float:
        """The part of the block's time that a row took, between 0 and 1."""
        return row.seconds / self.seconds if self.seconds else 0.0

    def __repr__(self) -> str:
        """The tables, in ASCII, so that every terminal can show them."""
        lines = _table(
            ("op", "calls", "ms", "share", "ms/call", "GFLOP/s"),
            [
                (
                    row.name,
                    f"{row.calls:,}" if row.calls else "",
                    _ms(row),
                    f"{self.share(row):.1%}",
                    f"{row.seconds * 1e3 / row.calls:,.3f}" if row.direction else "",
                    _gflops(row),
                )
                for row in (*self.rows, self.total)
            ],
        )
        layers = self.by_layer
        if layers:
            body = [
                self._layer_line(name or "(outside of all layers)", rows)
                for name, rows in layers.items()
            ]
            body.append(self._layer_line("all ops", self.measured))
            lines += ["", *_table(("layer", "forward ms", "backward ms", "share", "GFLOP/s"), body)]
        lines += ["", "GFLOP/s: 1 multiply-add = 2 FLOPs; only sums of products are counted."]
        if self.images is not None and self.images_per_second is not None:
            lines.append(
                f"{self.images:,} images in {self.seconds:.3f} s: "
                f"{self.images_per_second:,.1f} images/s"
            )
        return "\n".join(lines)

    def _layer_line(self, name: str, rows: list[Row]) -> tuple[str, ...]:
        both = _summed(Row(name), rows)
        one_way = [
            _summed(Row(name), [row for row in rows if row.direction == direction])
            for direction in ("forward", "backward")
        ]
        return (name, *map(_ms, one_way), f"{self.share(both):.1%}", _gflops(both))


@contextmanager
def profile(model: Module | None = None, batch: Any = None) -> Iterator[Report]:
    """Measure what runs inside the block, in this thread; the report is filled when it ends.

    Args:
        model: tell its layers apart: the report then has a second table, a line for each layer.
        batch: how many images the model is called on, or such a batch: images or (images, labels).
            The report then says how many images a second went through. Every call of `model` in
            the block counts as one batch; if there is none, the block does.

    Returns:
        a context manager; `with profile() as report` gives the `Report`.

    Raises:
        TypeError: `model` is not a model, or `batch` neither a number nor a batch.
    """
    if model is not None and not isinstance(model, Module):
        raise TypeError(
            f"model must be an nn.Module, not {type(model).__name__}. To profile without telling "
            "layers apart leave it out: profile() or profile(batch=32)"
        )
    size = None if batch is None else _batch_size(batch)
    clock = _Clock(model)
    report = Report()
    start = time.perf_counter()
    try:
        with clock.running():
            yield report
    finally:
        report.seconds = time.perf_counter() - start
        report.measured = list(clock.rows.values())
        report.images = None if size is None else size * max(clock.batches, 1)


class _Clock:
    """Adds up what the engine tells it. It knows a layer's name by the layer, so asks for it once.

    A backward runs when its layer has long returned, so the layer is noted at the forward: here and
    not on the op, and weakly, so that nothing is kept alive or left behind.
    """

    def __init__(self, model: Module | None) -> None:
        self.model = model
        self.rows: dict[tuple[str, Direction, str | None], Row] = {}
        self.batches = 0
        self.layers: WeakKeyDictionary[Op, str] = WeakKeyDictionary()
        self.names: dict[int, str] = {}
        for name, layer in () if model is None else model.named_modules():
            self.names.setdefault(id(layer), name or type(layer).__name__)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen to the ops of this thread, and to the model."""
        thread = threading.get_ident()

        def count(*_: Any) -> None:
            self.batches += threading.get_ident() == thread

        with ExitStack() as stack:
            if self.model is not None:
                stack.callback(self.model.register_forward_hook(count).remove)
            stack.enter_context(observe(self.ran))
            yield

    def ran(self, op: Op, direction: Direction, seconds: float) -> None:
        """Count one run of an op."""
        layer = None if self.model is None else self._layer(op, direction)
        key = type(op).__name__, direction, layer
        row = self.rows.setdefault(key, Row(*key))
        numbers = op.multiply_adds
        row.add(1, seconds, None if numbers is None else numbers[direction == "backward"])

    def _layer(self, op: Op, direction: Direction) -> str:
        if direction == "forward":
            layer = scope.innermost()
            self.layers[op] = self.names.get(id(layer)) or scope.path()
        return self.layers.get(op, "")


def _batch_size(batch: Any) -> int:
    """How many images there are in a batch, or that number itself."""
    if isinstance(batch, Integral) and not isinstance(batch, bool):
        return int(batch)
    images = batch[0] if isinstance(batch, tuple | list) and batch else batch
    shape = getattr(images, "shape", ())
    if not shape:
        raise TypeError(
            "batch must be a number of images, such as 32, an array (N, ...) of images, or a pair "
            f"(images, labels), not {type(batch).__name__}"
        )
    return int(shape[0])


def _summed(row: Row, others: Iterable[Row]) -> Row:
    """`row` after adding what all others count."""
    for other in others:
        row.add(other.calls, other.seconds, other.multiply_adds)
    return row


def _ms(row: Row) -> str:
    return f"{row.seconds * 1e3:,.1f}"


def _gflops(row: Row) -> str:
    return "" if row.gflops is None else f"{row.gflops:,.1f}"


def _table(head: tuple[str, ...], body: list[tuple[str, ...]]) -> list[str]:
    """Lines with the first column left and the others right, and a rule above the last line."""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in (head, *body)
    ]
    rule = "-" * (sum(widths) + 2 * len(widths) - 2)
    return [*lines[:-1], rule, lines[-1]]
