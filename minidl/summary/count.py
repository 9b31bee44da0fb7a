"""Counting: one forward pass without numbers, watched op by op and layer by layer."""

import inspect
import math
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from minidl import scope
from minidl.autograd import Op, observe
from minidl.nn import Module
from minidl.ops.attention import AttentionWeights, ScaledDotProductAttention
from minidl.ops.conv import Conv2d, ConvTranspose2d, DepthwiseConv2d
from minidl.ops.index import Index
from minidl.ops.matmul import Linear, MatMul
from minidl.ops.shape import BroadcastTo, Reshape, Transpose
from minidl.shapes import shapes_only
from minidl.summary.receptive_field import Field, joined, through
from minidl.summary.table import Row, Summary
from minidl.tensor import Tensor

WEIGHTED = (Conv2d, DepthwiseConv2d, ConvTranspose2d, Linear)
PRODUCTS = (MatMul, AttentionWeights, ScaledDotProductAttention)
VIEWS = (Reshape, Transpose, BroadcastTo, Index)

Shape = Sequence[int]


def summary(model: Module, input_shape: Shape | Sequence[Shape], depth: int | None = 2) -> Summary:
    """What a model is made of and what it costs, in evaluation mode and for one image.

    Nothing is computed: the model runs in `minidl.shapes_only`. Its mode and its numbers stay.

    Args:
        model: the model.
        input_shape: (C, H, W), or (N, C, H, W), where N does not matter. A model with several
            inputs takes a list of such shapes, or one shape for all; counted is one call.
        depth: how deep inside the model the rows of the table go: 1 for its direct layers, None for
            all. What lies deeper is counted by the layer around it.

    Returns:
        a `Summary`: `.rows`, `.total_params`, `.total_macs` and more; it prints as a table.

    Raises:
        InputError: the model does not take an input of this shape; the message says which layer.
    """
    shapes = [_without_batch(shape) for shape in _listed(input_shape, model)]
    watch = _Watch(model)
    mode = {module: module.training for module in model.modules()}
    with shapes_only():
        images = [Tensor(np.zeros((1, *shape), np.float32), requires_grad=True) for shape in shapes]
        try:
            watch.run(model.eval(), images)
        finally:
            for module, training in mode.items():
                module.training = training
    return Summary(type(model).__name__, tuple(shapes), list(watch.rows.values()), depth)


class _Watch:
    """Fills a row for each layer while the model runs."""

    def __init__(self, model: Module) -> None:
        self.rows: dict[str, Row] = {}
        self.path: dict[int, str] = {}  # of each layer, the first of its names
        for path, module in model.named_modules():
            if id(module) not in self.path:
                self.path[id(module)] = path
                self.rows[path] = Row(path, type(module).__name__)
        for name, parameter in model.named_parameters():
            row = self.rows[name.rpartition(".")[0]]
            row.parameters += parameter.size
            row.trainable += parameter.size * parameter.requires_grad
        for name, buffer in model.named_buffers():
            path = name.rpartition(".")[0]
            if buffer.dtype.kind == "f" and path in self.rows:
                self.rows[path].statistics += buffer.size
        self.ran: list[tuple[Op, Row]] = []
        self.settled = 0  # of so many of them the field is known
        self.fields: dict[int, Field] = {}  # of what ops returned and of the images, by identity

    def run(self, model: Module, images: list[Tensor]) -> None:
        """Call the model, and count."""
        self.fields = {id(image): Field() for image in images}
        with ExitStack() as stack:
            for module in model.modules():
                stack.callback(module.register_forward_hook(self._returned).remove)
            stack.enter_context(observe(self._op_ran))
            model(*images)
        for op, row in self.ran:
            if isinstance(op, VIEWS) or id(op) not in self.fields:
                continue
            row.activations += math.prod(op.shape)

    def _op_ran(self, op: Op, *_: Any) -> None:
        row = self.rows[self.path.get(id(scope.innermost()), "")]
        number = 0 if op.multiply_adds is None else op.multiply_adds[0]
        if isinstance(op, WEIGHTED):
            row.macs += number
        elif isinstance(op, PRODUCTS):
            row.products += number
        self.ran.append((op, row))

    def _returned(self, module: Module, _: Any, output: Any) -> None:
        self._settle_fields()
        row = self.rows[self.path[id(module)]]
        tensors = [x for x in _flat(output) if isinstance(x, Tensor)]
        row.output_shapes = tuple(x.shape[1:] for x in tensors)
        fields = {self.fields.get(id(x.op or x)) for x in tensors}
        row.field = fields.pop() if len(fields) == 1 else None

    def _settle_fields(self) -> None:
        """The fields of the ops that ran since the last time; what made their inputs ran before."""
        for op, _ in self.ran[self.settled :]:
            parents = getattr(op, "parents", ())
            seen = [self.fields[id(parent)] for parent in parents if id(parent) in self.fields]
            if seen:  # else it saw parameters alone
                self.fields[id(op)] = through(op, joined(seen))
        self.settled = len(self.ran)


def _listed(shape: Any, model: Module) -> list[Shape]:
    """A shape for each input that the model must be given."""
    if len(shape) and not isinstance(shape[0], int | np.integer):
        return list(shape)
    inputs = inspect.signature(model.forward).parameters.values()
    return [shape] * sum(input.default is input.empty for input in inputs)


def _without_batch(shape: Shape) -> tuple[int, ...]:
    """(C, H, W) from (C, H, W) or (N, C, H, W)."""
    sizes = tuple(int(size) for size in shape)
    return sizes[1:] if len(sizes) == 4 else sizes


def _flat(output: Any) -> list[Any]:
    """All that a layer returns, out of lists and tuples inside each other."""
    if isinstance(output, list | tuple):
        return [x for inner in output for x in _flat(inner)]
    return [output]
