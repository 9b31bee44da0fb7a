"""Which layer is running now, so that an error can say `layer2.0.conv1` instead of `conv2d`.

`Module.__call__` enters itself here. A layer does not know its own name, only its parent does, so
the names are looked up from the outermost running layer, and only when a message needs them.
"""

import threading
from collections.abc import Iterator
from typing import Protocol


class Named(Protocol):
    """What a layer must offer to be found: all layers inside it, with their dotted names."""

    def named_modules(self) -> Iterator[tuple[str, "Named"]]:
        """Yield (dotted name, layer) for itself and every layer inside."""


class _Running(threading.local):
    def __init__(self) -> None:
        self.layers: list[Named] = []


_running = _Running()


class entered:  # noqa: N801 - used like a function
    """Mark `layer` as running inside the `with` block.

    A class, as that is three times as quick as a generator, and every call of a layer enters one.
    """

    def __init__(self, layer: Named) -> None:
        _running.layers.append(layer)

    def __enter__(self) -> None:
        """The layer is running since the object was made."""

    def __exit__(self, *_: object) -> None:
        _running.layers.pop()


def innermost() -> Named | None:
    """The layer that is running; None if no layer is."""
    return _running.layers[-1] if _running.layers else None


def path() -> str:
    """The dotted name of the innermost running layer; its class name if it is the outermost too.

    Empty if no layer is running.
    """
    if not _running.layers:
        return ""
    outermost, innermost = _running.layers[0], _running.layers[-1]
    for name, layer in outermost.named_modules():
        if layer is innermost and name:
            return name
    return type(innermost).__name__
