"""The table in a model's docstring, computed: shape, parameters and MACs of each part."""

import math
from dataclasses import dataclass

from minidl import nn
from tests.models.ledger import output_shapes, parameter_count


@dataclass(frozen=True)
class Part:
    """One direct child of a model.

    Attributes:
        shape: of its output, without the batch axis.
        parameters: what it learns.
        weights: those of its parameters that multiply: no biases, no batch norm.
        macs: multiply-accumulates of its convolutions and linear layers.
    """

    shape: tuple[int, ...]
    parameters: int
    weights: int
    macs: int


def parts(model: nn.Module, shape: tuple[int, ...]) -> dict[str, Part]:
    """The direct children that have parameters and run in evaluation mode, in their order."""
    shapes = output_shapes(model, shape)
    table = {}
    for name, child in model.named_children():
        if name in shapes and parameter_count(child):
            layers = {
                path: layer
                for path, layer in child.named_modules(name)
                if isinstance(layer, nn.Conv2d | nn.Linear)
            }
            table[name] = Part(
                shapes[name],
                parameter_count(child),
                sum(layer.weight.size for layer in layers.values()),
                sum(
                    math.prod(shapes[path]) * math.prod(layer.weight.shape[1:])
                    for path, layer in layers.items()
                ),
            )
    return table


def printed_shape(shape: tuple[int, ...]) -> str:
    """As in the docstrings: 64 × 112 × 112."""
    return " × ".join(str(side) for side in shape)


def printed_rows(model: nn.Module) -> dict[str, str]:
    """The lines of the model's docstring by their first word."""
    lines = str(type(model).__doc__).splitlines()
    return {line.split()[0]: line for line in lines if line.strip()}
