"""What the tests of the architectures count: parameters, moments, multiply-accumulates, shapes.

Multiply-accumulates are those of convolutions and linear layers for one image, counted here from
the layers' weights and pictures; `minidl.summary` counts them another way, in the ops.

No numbers are computed. A large model is best built inside `minidl.shapes_only()` too, where its
weights take neither time nor memory.
"""

import inspect
from typing import Any

import numpy as np

import minidl
from minidl import Tensor, nn


def parameter_count(model: nn.Module) -> int:
    """How many numbers the model learns; a shared parameter counts once."""
    return sum(parameter.size for parameter in model.parameters())


def statistics_count(model: nn.Module) -> int:
    """How many running means and variances its batch norms keep."""
    return sum(
        buffer.size
        for name, buffer in model.named_buffers()
        if not name.endswith("num_batches_tracked")
    )


def multiply_accumulates(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Those of convolutions and linear layers, in evaluation mode, for one image (C, H, W).

    Where a call takes two images, those of the call are shared between them.

    Each output number of a convolution or linear layer costs one filter of weights; each input
    number of a transposed convolution is multiplied by all the weights of its channel.
    """
    total = 0

    def count(layer: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal total
        pixels = inputs[0].size if isinstance(layer, nn.ConvTranspose2d) else output.size
        total += pixels * (layer.weight.size // len(layer.weight.data))

    handles = [
        layer.register_forward_hook(count)
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    ]
    _evaluate(model, shape)
    for handle in handles:
        handle.remove()
    return total // input_count(model)


def input_count(model: nn.Module) -> int:
    """How many images a call takes: two, where two are compared."""
    arguments = inspect.signature(model.forward).parameters.values()
    return sum(argument.default is argument.empty for argument in arguments)


def output_shapes(model: nn.Module, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The output shape, without the batch axis, of every layer that ran on one image (C, H, W).

    Under "" is that of the model. A layer that returns several tensors is left out.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    handles = []
    for name, layer in model.named_modules():

        def note(layer: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
            if isinstance(output, Tensor):
                shapes[name] = output.shape[1:]

        handles.append(layer.register_forward_hook(note))
    _evaluate(model, shape)
    for handle in handles:
        handle.remove()
    return shapes


def _evaluate(model: nn.Module, shape: tuple[int, ...]) -> None:
    with minidl.shapes_only(), minidl.no_grad():
        model.eval()(*[np.zeros((1, *shape), np.float32)] * input_count(model))
