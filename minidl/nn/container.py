"""Layers that hold layers."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from minidl.nn.module import Module


class Sequential(Module):
    """Layers run one after the other: Sequential(a, b)(x) = b(a(x)).

    Layers are named "0", "1", …; given as a mapping they keep the names they have there.
    """

    def __init__(self, *layers: Module | Mapping[str, Module]) -> None:
        named: dict[str, Any] = {str(k): layer for k, layer in enumerate(layers)}
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            named = dict(layers[0])
        for name, layer in named.items():
            setattr(self, name, _layer(layer))

    def forward(self, x: Any) -> Any:
        """Feed each layer the output of the one before."""
        for layer in self.children():
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, k: int) -> Module:
        return list(self.children())[k]


class ModuleList(Module):
    """A list of layers, named "0", "1", …; how they are run is the owner's business."""

    def __init__(self, layers: Iterable[Module] = ()) -> None:
        for layer in layers:
            self.append(layer)

    def append(self, layer: Module) -> None:
        """Add a layer at the end."""
        setattr(self, str(len(self)), _layer(layer))

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, k: int) -> Module:
        return list(self.children())[k]


def _layer(value: Any) -> Module:
    if not isinstance(value, Module):
        raise TypeError(
            f"a layer is expected, not {type(value).__name__}; wrap a bare function in a Module, "
            "or use the layer of that name (nn.ReLU() for F.relu)"
        )
    return value
