"""The rows of a summary, and how they print."""

import math
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from minidl.summary.receptive_field import Field

if TYPE_CHECKING:
    from rich.table import Table

FLOAT = 4  # bytes of a float32


@dataclass
class Row:
    """A layer of a model, and what it costs for one image.

    The numbers are those of the layer itself and of what is inside it and has no row of its own, so
    each column adds up to the model's total.

    Attributes:
        path: the layer's dotted name; empty for the model itself.
        kind: its class.
        output_shapes: of each tensor it returns, without the batch axis; empty if it did not run.
        parameters: how many numbers it has to learn or has learned.
        trainable: how many of them require a gradient.
        statistics: floating-point numbers it keeps but does not learn, such as running means.
        macs: multiply-accumulates of convolutions and linear layers.
        products: multiply-accumulates of products of two computed matrices, as in attention.
        activations: how many numbers its ops returned. Views of other arrays are not counted.
        field: what a pixel of its output sees of the image; None if it sees nothing of it, or
            several outputs see different parts.
    """

    path: str
    kind: str
    output_shapes: tuple[tuple[int, ...], ...] = ()
    parameters: int = 0
    trainable: int = 0
    statistics: int = 0
    macs: int = 0
    products: int = 0
    activations: int = 0
    field: Field | None = None

    @property
    def depth(self) -> int:
        """How deep the layer lies inside the model, which has depth 0."""
        return self.path.count(".") + 1 if self.path else 0

    def add(self, other: "Row") -> None:
        """Count what `other` costs here too."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


COUNTS = ("parameters", "trainable", "statistics", "macs", "products", "activations")


@dataclass(repr=False)
class Summary:
    """What a model is made of and what it costs for one image; it prints as a table.

    Attributes:
        model: the name of its class.
        input_shapes: of each input, without the batch axis.
        layers: a row for every layer, the model itself first.
        depth: how deep the rows go that are shown; None for all.
    """

    model: str
    input_shapes: tuple[tuple[int, ...], ...]
    layers: list[Row]
    depth: int | None = None

    @property
    def rows(self) -> list[Row]:
        """The layers down to `depth`; each counts what is inside it and deeper."""
        shown: dict[str, Row] = {}
        for layer in self.layers:
            parts = layer.path.split(".")
            path = layer.path if self.depth is None else ".".join(parts[: self.depth])
            if path == layer.path:
                shown[path] = Row(path, layer.kind, layer.output_shapes, field=layer.field)
            shown[path].add(layer)
        return list(shown.values())

    @property
    def total(self) -> Row:
        """All layers together, as one row."""
        total = Row("", self.model, self.layers[0].output_shapes, field=self.layers[0].field)
        for layer in self.layers:
            total.add(layer)
        return total

    @property
    def total_params(self) -> int:
        """How many parameters there are."""
        return self.total.parameters

    @property
    def trainable_params(self) -> int:
        """How many parameters require a gradient."""
        return self.total.trainable

    @property
    def total_statistics(self) -> int:
        """How many numbers are kept but not learned, such as the running means of batch norms."""
        return self.total.statistics

    @property
    def total_macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers for one image."""
        return self.total.macs

    @property
    def total_products(self) -> int:
        """Multiply-accumulates of products of two computed matrices, as in attention."""
        return self.total.products

    def __rich__(self) -> "Table":
        """The table, for rich's consoles."""
        from rich.table import Table  # noqa: PLC0415 - loaded by the first summary that is printed
        from rich.text import Text  # noqa: PLC0415

        given = " and ".join(map(_shape, self.input_shapes))
        table = Table(title=f"{self.model} for {given}", caption=self._caption(), show_footer=True)
        table.title_justify = table.caption_justify = "left"
        total, products = self.total, self.total.products > 0
        for name, footer in (
            ("output", ""),
            ("parameters", f"{total.parameters:,}"),
            ("MACs", f"{total.macs:,}"),
            *([("products", f"{total.products:,}")] if products else []),
            ("activations", _memory(total.activations)),
            ("sees", ""),
        ):
            if not table.columns:
                table.add_column("layer", "total", overflow="fold")
            table.add_column(name, footer, justify="right")
        for row in self.rows:
            name = row.path.rpartition(".")[2] or self.model
            kind = row.kind if row.path else ""
            table.add_row(
                Text("  " * row.depth + name).append(f" {kind}".rstrip(), "dim"),
                _shapes(row.output_shapes),
                _count(row.parameters),
                _count(row.macs),
                *([_count(row.products)] if products else []),
                _memory(row.activations) if row.activations else "",
                _field(row.field),
            )
        return table

    def _caption(self) -> str:
        total = self.total
        frozen = total.parameters - total.trainable
        lines = [
            f"{total.parameters:,} parameters, {_memory(total.parameters)}"
            + (f"; {frozen:,} of them are frozen" if frozen else ""),
            f"{total.macs:,} MACs = {2 * total.macs / 1e9:,.3g} GFLOPs for one image: "
            "multiply-accumulates of convolutions and linear layers, 1 MAC = 2 FLOPs",
        ]
        if total.statistics:
            lines.insert(1, f"{total.statistics:,} statistics of normalisation, not learned")
        if total.products:
            both = total.macs + total.products
            lines.append(
                f"products: MACs of products of two computed matrices, as in attention; "
                f"{both:,} with these"
            )
        lines.append(
            "activations: what the layer's ops return, in float32, for one image\n"
            "sees: the receptive field, in pixels of the image; where branches join, the largest"
        )
        return "\n".join(lines)

    def __str__(self) -> str:
        from rich.console import Console  # noqa: PLC0415 - as above

        text = StringIO()
        Console(file=text, width=160, force_jupyter=False).print(self)
        return text.getvalue().rstrip("\n")

    __repr__ = __str__


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    return "\n".join(map(_shape, shapes))


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _memory(numbers: int) -> str:
    """Bytes of so many float32, in the unit that suits."""
    size: float = numbers * FLOAT
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"


def _field(field: Field | None) -> str:
    if field is None:
        return ""
    if math.isinf(field.size[0]):
        return "all"
    rows, columns = (f"{size:g}" for size in field.size)
    return rows if rows == columns else f"{rows} × {columns}"
