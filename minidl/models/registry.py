"""The list of all architectures: how each is built, where it comes from, and how large it is."""

import difflib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from minidl.nn import Module


@dataclass(frozen=True)
class Entry:
    """One architecture.

    Attributes:
        name: what `create` calls it.
        build: makes the model; takes num_classes, in_channels and what else it offers.
        paper: authors, title, year.
        input_shape: the standard input of one image, (C, H, W).
        parameters: the exact number of learnable parameters at that input, with the paper's number
            of classes (10 for CIFAR and digits, else 1000).
        macs: the exact multiply-accumulates of convolutions and linear layers for one such image.
        small: a configuration that trains on a laptop; None where the standard one already does.
    """

    name: str
    build: Callable[..., Module]
    paper: str
    input_shape: tuple[int, int, int]
    parameters: int
    macs: int
    small: "Small | None" = None


@dataclass(frozen=True)
class Small:
    """A configuration of an architecture for small images and a CPU.

    Attributes:
        input_shape: one image, (C, H, W), usually 3 × 32 × 32 or 1 × 28 × 28.
        options: arguments for the architecture's constructor; num_classes=10 is added if it takes
            that.
    """

    input_shape: tuple[int, int, int] = (3, 32, 32)
    options: dict[str, Any] = field(default_factory=dict)


_entries: dict[str, Entry] = {}


def register(
    name: str,
    build: Callable[..., Module],
    *,
    paper: str,
    input_shape: tuple[int, int, int],
    parameters: int,
    macs: int,
    small: Small | None = None,
) -> None:
    """Add an architecture to the list; each model file does so for its own."""
    if name in _entries:
        raise ValueError(f"the name {name!r} is taken")
    _entries[name] = Entry(name, build, paper, input_shape, parameters, macs, small)


def list_models() -> list[str]:
    """The names that `create` knows, sorted: resnet8 before resnet20."""
    return sorted(
        _entries,
        key=lambda name: [
            int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)
        ],
    )


def entry(name: str) -> Entry:
    """What is known of an architecture without building it.

    Raises:
        ValueError: there is no such name; the message suggests the nearest.
    """
    if name not in _entries:
        near = difflib.get_close_matches(name, _entries, n=3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(list_models())}"
        )
        raise ValueError(f"there is no model {name!r}; {hint}")
    return _entries[name]


def create(name: str, **options: Any) -> Module:
    """Build an architecture with fresh weights.

    Args:
        name: one of `list_models()`.
        options: num_classes, in_channels, and what else the architecture's constructor takes.

    Raises:
        ValueError: there is no such name; the message suggests the nearest.
    """
    return entry(name).build(**options)


def create_small(name: str, **options: Any) -> Module:
    """Build the configuration of an architecture that trains on a laptop, with 10 classes.

    Args:
        name: one of `list_models()`.
        options: as for `create`; they go before those of the small configuration.

    Raises:
        ValueError: there is no such name; the message suggests the nearest.
    """
    known = entry(name)
    small = known.small or Small()
    takes_classes = "num_classes" in inspect.signature(known.build).parameters
    classes = {"num_classes": 10} if takes_classes else {}
    return known.build(**{**classes, **small.options, **options})
