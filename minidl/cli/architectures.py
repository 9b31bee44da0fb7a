"""What `minidl models`, `summary` and `compare` print: the architectures and what they cost."""

import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from minidl import models, viz
from minidl.errors import InputError
from minidl.models import Entry, Small
from minidl.shapes import shapes_only
from minidl.summary import Summary, summary


class ModelError(ValueError):
    """There is no such model, or it does not take such an input."""


def print_models(console: Console, word: str) -> None:
    """Print all models, or those with `word` in their name or paper.

    Raises:
        ModelError: there is none.
    """
    every = [models.entry(name) for name in models.list_models()]
    found = [e for e in every if word.lower() in f"{e.name} {e.paper}".lower()]
    if not found:
        known = ", ".join(e.name for e in every)
        raise ModelError(f"no model has {word!r} in its name or paper; there are: {known}")
    table = Table(title="Models for `minidl train MODEL` and `minidl summary MODEL`")
    table.add_column("name", no_wrap=True)
    for column in ("input", "parameters", "MACs"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("paper")
    for e in found:
        numbers = f"{e.parameters:,}", f"{e.macs:,}"
        table.add_row(e.name, _size(e.input_shape), *numbers, escape(_authors(e.paper)))
    console.print(table)
    if word:
        papers = dict.fromkeys(e.paper for e in found)
        console.print("\n".join(papers), highlight=False, markup=False)
    console.print(
        "MACs: multiply-accumulates of convolutions and linear layers for one image of that size; "
        "1 MAC = 2 FLOPs. Each model is also there in a size for small images and a CPU: "
        "`minidl summary MODEL --small`.",
        highlight=False,
        markup=False,
    )


def summarise(name: str, size: str | None, depth: int | None, small: bool) -> Summary:
    """The summary of a model by its name.

    Args:
        name: one of `models.list_models()`.
        size: the input, such as "3x224x224"; None for the standard one.
        depth: how deep the rows go; None for all.
        small: the configuration for small images.

    Raises:
        ModelError: there is no such model, or it does not take such an input.
    """
    entry = _entry(name)
    standard = (entry.small or Small()).input_shape if small else entry.input_shape
    shape = standard if size is None else _shape(size)
    options = {} if shape[0] == standard[0] else {"in_channels": shape[0]}
    with shapes_only():
        build = models.create_small if small else models.create
        try:
            return summary(build(name, **options), shape, depth)
        except (InputError, TypeError, ValueError) as error:
            if shape == standard:
                raise
            raise ModelError(
                f"{name} does not take an input of {_size(shape)} (standard: {_size(standard)}): "
                f"{error}"
            ) from None


def print_comparison(console: Console, names: Sequence[str], out: Path) -> None:
    """Print what the models cost side by side, and draw it into the file `out`.

    Raises:
        ModelError: there is no such model.
    """
    totals = [summarise(name, None, 0, small=False).total for name in names]
    table = Table(title="What one image costs, at the standard input")
    table.add_column("name", no_wrap=True)
    for column in ("input", "parameters", "MACs", "activations"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, total in zip(names, totals, strict=True):
        table.add_row(
            name,
            _size(models.entry(name).input_shape),
            f"{total.parameters:,}",
            f"{total.macs + total.products:,}",
            f"{4 * total.activations / 2**20:,.1f} MiB",
        )
    console.print(table)
    console.print(
        "MACs: multiply-accumulates of convolutions, linear layers and matrix products; "
        "1 MAC = 2 FLOPs. Activations: what all ops return, in float32.",
        highlight=False,
        markup=False,
    )
    figure = viz.costs(
        names,
        [total.parameters for total in totals],
        [total.macs + total.products for total in totals],
        [4 * total.activations for total in totals],
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    console.print(f"Look at: {out}", highlight=False, markup=False, soft_wrap=True)


def _entry(name: str) -> Entry:
    try:
        return models.entry(name)
    except ValueError as error:
        raise ModelError(str(error)) from None


def _authors(paper: str) -> str:
    """Authors and year, as a text refers to a paper."""
    year = re.search(r"\d{4}", paper)
    return f"{paper.split(',')[0]} {year[0]}" if year else paper


def _shape(size: str) -> tuple[int, int, int]:
    """(C, H, W) from "CxHxW"."""
    numbers = re.fullmatch(r"(\d+)[x×,](\d+)[x×,](\d+)", size.replace(" ", "").lower())
    if numbers is None or "0" in numbers.groups():
        raise ModelError(f"--input is channels x height x width, such as 3x224x224, not {size!r}")
    channels, height, width = map(int, numbers.groups())
    return channels, height, width


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
