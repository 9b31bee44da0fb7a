"""The receptive field: from how many pixels of the image one pixel of a map is computed.

A window of k pixels, d apart, over a map whose pixels see r pixels of the image and stand j apart
there, makes pixels that see r + d·(k − 1)·j and stand j·stride apart. Where branches join, the
largest field counts. Whatever looks at all positions, such as global pooling, attention, or a
linear layer behind flatten, makes numbers that see the whole image: their field is infinite.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from minidl.autograd import Op
from minidl.ops.attention import AttentionWeights, ScaledDotProductAttention
from minidl.ops.conv import Conv2d, ConvTranspose2d, DepthwiseConv2d
from minidl.ops.matmul import Linear, MatMul
from minidl.ops.norm import GroupNorm, InstanceNorm
from minidl.ops.pool import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from minidl.ops.reduce import Max, Mean, Min, Sum, Var
from minidl.ops.resize import UpsampleBilinear, UpsampleNearest

Pair = tuple[float, float]


class Field(NamedTuple):
    """What one pixel of a map sees of the image, vertically and horizontally.

    Attributes:
        size: how many pixels of the image, in rows and columns; infinite for all of it.
        step: how far apart in the image neighbours of the map are.
    """

    size: Pair = (1, 1)
    step: Pair = (1, 1)


EVERYTHING = Field((math.inf, math.inf))


def joined(fields: Iterable[Field]) -> Field:
    """The field of what is computed from several maps: the largest of each number."""
    sizes, steps = zip(*fields, strict=True)
    return Field(_largest(sizes), _largest(steps))


def through(op: Op, field: Field) -> Field:
    """The field of an op's output, whose input has `field`; unchanged for ops without windows."""
    rule = RULES.get(type(op))
    return field if rule is None else rule(op, field)


def _largest(pairs: Iterable[Pair]) -> Pair:
    rows, columns = zip(*pairs, strict=True)
    return max(rows), max(columns)


def _window(field: Field, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Field:
    axes = zip(field.size, field.step, kernel, dilation, strict=True)
    rows, columns = (size + d * (k - 1) * step for size, step, k, d in axes)
    return Field((rows, columns), (field.step[0] * stride[0], field.step[1] * stride[1]))


def _convolution(op: Any, field: Field) -> Field:
    stride, _, dilation, *_ = op.window
    return _window(field, op.w_shape[2:], stride, dilation)


def _transposed(op: Any, field: Field) -> Field:
    """Each output pixel lies under ⌈reach / stride⌉ windows at most."""
    stride, _, dilation, _ = op.window
    reach = [d * (k - 1) + 1 for k, d in zip(op.w_shape[2:], dilation, strict=True)]
    under = math.ceil(reach[0] / stride[0]), math.ceil(reach[1] / stride[1])
    return _window(field, under, (1 / stride[0], 1 / stride[1]))


def _max_pool(op: Any, field: Field) -> Field:
    kernel, stride, _, dilation = op.window
    return _window(field, kernel, stride, dilation)


def _avg_pool(op: Any, field: Field) -> Field:
    kernel, stride, *_ = op.window
    return _window(field, kernel, stride)


def _adaptive_pool(op: Any, field: Field) -> Field:
    if op.out_size == (1, 1):
        return EVERYTHING
    rows, columns = (size / out for size, out in zip(op.x_shape[2:], op.out_size, strict=True))
    return _window(field, (math.ceil(rows), math.ceil(columns)), (rows, columns))


def _nearest(op: Any, field: Field) -> Field:
    rows, columns = (size / out for size, out in zip(op.x_shape[2:], op.shape[2:], strict=True))
    return _window(field, (1, 1), (rows, columns))


def _bilinear(op: Any, field: Field) -> Field:
    """Two neighbours are mixed, but where the size stays."""
    rows, columns = (matrix.shape[1] / matrix.shape[0] for matrix in op.saved)
    return _window(field, (1 + (rows != 1), 1 + (columns != 1)), (rows, columns))


def _reduction(op: Any, field: Field) -> Field:
    """Over channels nothing new is seen; those are axis 1 of images and the last axis of tokens."""
    channels = 1 if len(op.x_shape) == 4 else len(op.x_shape) - 1
    return field if set(op.axes) <= {channels} else EVERYTHING


def _linear(op: Any, field: Field) -> Field:
    """Of (N, features) all numbers are mixed; of (N, …, features) each position alone."""
    return EVERYTHING if len(op.shape) == 2 else field


RULES: dict[type[Op], Callable[[Any, Field], Field]] = {
    Conv2d: _convolution,
    DepthwiseConv2d: _convolution,
    ConvTranspose2d: _transposed,
    MaxPool2d: _max_pool,
    AvgPool2d: _avg_pool,
    AdaptiveAvgPool2d: _adaptive_pool,
    AdaptiveMaxPool2d: _adaptive_pool,
    UpsampleNearest: _nearest,
    UpsampleBilinear: _bilinear,
    Linear: _linear,
    **dict.fromkeys((Sum, Mean, Var, Max, Min), _reduction),
    **dict.fromkeys(
        (MatMul, AttentionWeights, ScaledDotProductAttention, GroupNorm, InstanceNorm),
        lambda *_: EVERYTHING,
    ),
}
