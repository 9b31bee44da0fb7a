"""One list of small inputs for every op: what `minidl check` and the tests run their proofs on.

A sample is a function of tensors that applies one op, and a recipe for its inputs. Sizes are odd
and all different, so that a swapped axis or a dropped group shows; values stay away from kinks (ReLU at
0, equal pixels under max pooling), where a derivative does not exist.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import minidl.functional as F
from minidl import random
from minidl.autograd import Array, Op
from minidl.gradcheck import gradcheck
from minidl.ops import activation, elementwise, loss, reduce, shape
from minidl.ops.conv import Conv2d, DepthwiseConv2d
from minidl.ops.dropout import Dropout
from minidl.ops.matmul import Linear, MatMul
from minidl.ops.norm import BatchNorm, BatchNormInference
from minidl.ops.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from minidl.tensor import Tensor, apply

Draw = Callable[[np.random.Generator], Array]


@dataclass(frozen=True)
class Sample:
    """One small problem for one op.

    Attributes:
        op: the op that is checked.
        label: what is special about this sample.
        function: applies the op to tensors.
        draws: one recipe for each input, from a generator to a float64 array.
    """

    op: type[Op]
    label: str
    function: Callable[..., Tensor]
    draws: tuple[Draw, ...]

    def inputs(self, seed: int = 0) -> list[Array]:
        """The float64 inputs for a seed."""
        rng = np.random.default_rng(seed)
        return [draw(rng) for draw in self.draws]

    def check(self, seed: int = 0) -> float:
        """Run gradcheck on this sample; returns the largest relative difference."""
        return gradcheck(self.function, self.inputs(seed), seed=seed + 1)


# ----------------------------------------------------------------------------- recipes


def normal(*sizes: int) -> Draw:
    """Independent normal numbers."""
    return lambda rng: rng.standard_normal(sizes)


def positive(*sizes: int) -> Draw:
    """Numbers between 0.5 and 2."""
    return lambda rng: rng.uniform(0.5, 2, sizes)


def off_zero(*sizes: int) -> Draw:
    """Numbers of both signs in turn, at least 0.1 away from zero."""
    signs = (-1.0) ** np.arange(int(np.prod(sizes))).reshape(sizes)
    return lambda rng: rng.uniform(0.1, 2, sizes) * signs


def distinct(*sizes: int) -> Draw:
    """Numbers that all differ by at least 0.01."""
    return lambda rng: rng.permutation(int(np.prod(sizes))).reshape(sizes) * 0.01 - 1.0


# ----------------------------------------------------------------------------- the list


def _arithmetic() -> Iterator[Sample]:
    pairs = {
        "equal shapes": ((3, 4), (3, 4)),
        "row": ((3, 4), (4,)),
        "column": ((3, 1), (3, 4)),
        "both stretched": ((2, 1, 4), (3, 1)),
        "scalar": ((), (2, 3)),
    }
    for label, (a, b) in pairs.items():
        yield Sample(elementwise.Add, label, lambda x, y: x + y, (normal(*a), normal(*b)))
        yield Sample(elementwise.Subtract, label, lambda x, y: x - y, (normal(*a), normal(*b)))
        yield Sample(elementwise.Multiply, label, lambda x, y: x * y, (normal(*a), normal(*b)))
        yield Sample(elementwise.Divide, label, lambda x, y: x / y, (normal(*a), off_zero(*b)))
    for label, function in {
        "number left": lambda x: 3 - x,
        "number right": lambda x: x - 0.5,
    }.items():
        yield Sample(elementwise.Subtract, label, function, (normal(2, 3),))
    yield Sample(elementwise.Add, "x + x", lambda x: x + x, (normal(2, 3),))
    yield Sample(elementwise.Multiply, "x · x", lambda x: x * x, (normal(2, 3),))
    yield Sample(elementwise.Divide, "1 / x", lambda x: 1 / x, (off_zero(2, 3),))
    yield Sample(elementwise.Negate, "matrix", lambda x: -x, (normal(2, 3),))
    for exponent in (0, 1, 2, 3, -1, 0.5, -1.5):
        function = partial(lambda x, p: x**p, p=exponent)
        yield Sample(elementwise.Power, f"p = {exponent}", function, (positive(2, 3),))
    yield Sample(elementwise.Power, "p = 2, negative x", lambda x: x**2, (normal(2, 3),))
    yield Sample(elementwise.Exp, "matrix", Tensor.exp, (normal(2, 3),))
    yield Sample(elementwise.Log, "matrix", Tensor.log, (positive(2, 3),))
    yield Sample(elementwise.Sqrt, "matrix", Tensor.sqrt, (positive(2, 3),))
    yield Sample(elementwise.Absolute, "matrix", Tensor.abs, (off_zero(2, 3),))
    cast = partial(apply, elementwise.Cast, dtype=np.float64)
    yield Sample(elementwise.Cast, "to float64", cast, (normal(2, 3),))


def _reductions() -> Iterator[Sample]:
    axes: Sequence[Any] = (None, 0, 1, -1, (0, 2), (2, 0), (0, 1, 2))
    for axis, keepdims in itertools.product(axes, (False, True)):
        label = f"axis={axis}, keepdims={keepdims}"
        options = {"axis": axis, "keepdims": keepdims}
        yield Sample(reduce.Sum, label, partial(Tensor.sum, **options), (normal(2, 3, 5),))
        yield Sample(reduce.Mean, label, partial(Tensor.mean, **options), (normal(2, 3, 5),))
        yield Sample(reduce.Var, label, partial(Tensor.var, **options), (normal(2, 3, 5),))
        yield Sample(reduce.Max, label, partial(Tensor.max, **options), (distinct(2, 3, 5),))
    unbiased = partial(Tensor.var, axis=1, correction=1)
    yield Sample(reduce.Var, "unbiased", unbiased, (normal(2, 3),))
    yield Sample(reduce.Max, "min", partial(Tensor.min, axis=1), (distinct(3, 4),))


def _shapes() -> Iterator[Sample]:
    yield Sample(shape.Reshape, "merge", lambda x: x.reshape(2, -1), (normal(2, 3, 5),))
    yield Sample(shape.Reshape, "flatten", lambda x: x.flatten(1), (normal(2, 3, 5),))
    yield Sample(shape.Transpose, "reverse", Tensor.transpose, (normal(2, 3, 5),))
    yield Sample(shape.Transpose, "cycle", lambda x: x.transpose(1, 2, 0), (normal(2, 3, 5),))
    yield Sample(shape.Transpose, "negative", lambda x: x.transpose(-1, 0, 1), (normal(2, 3, 5),))
    for label, sizes in {"new axis": (3,), "stretched": (2, 1)}.items():
        yield Sample(shape.BroadcastTo, label, lambda x: x.broadcast_to(2, 3), (normal(*sizes),))
    indices: dict[str, Any] = {
        "row": 1,
        "slice": np.s_[:, 1:4:2],
        "negative step": np.s_[::-1, ...],
        "new axis": np.s_[:, None, 0],
        "repeated list": np.s_[[0, 2, 0]],
        "pairs": (np.array([0, 1, 1]), np.array([2, 2, 2])),
        "mask": np.arange(15).reshape(3, 5) % 4 == 1,
    }
    for label, index in indices.items():
        yield Sample(shape.Index, label, partial(_indexed, index=index), (normal(3, 5),))
    for axis in (0, 1, -1):
        parts = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
        for part, length in zip(parts, (1, 5, 2), strict=True):
            part[axis] = length
        draws = tuple(normal(*part) for part in parts)
        function = partial(_joined, axis=axis)
        yield Sample(shape.Concatenate, f"axis {axis}", function, draws)
    yield Sample(
        shape.Concatenate, "one twice", lambda x: F.concatenate([x, x], axis=1), (normal(2, 3),)
    )
    pads = {"columns": (1, 2), "all": (1, 2, 0, 3, 2, 1), "cut": (-1, 2, 1, -1), "none": (0, 0)}
    for label, widths in pads.items():
        function = partial(F.pad, pad=widths, value=0.7)
        yield Sample(shape.Pad, label, function, (normal(2, 3, 5),))


def _indexed(x: Tensor, index: Any) -> Tensor:
    return x[index]


def _joined(*tensors: Tensor, axis: int) -> Tensor:
    return F.concatenate(tensors, axis)


def _matrices() -> Iterator[Sample]:
    products: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        "matrices": ((2, 3), (3, 4)),
        "stacks": ((5, 2, 3), (5, 3, 4)),
        "stack and matrix": ((5, 2, 3), (3, 4)),
        "matrix and stack": ((2, 3), (5, 3, 4)),
        "stretched stacks": ((5, 1, 2, 3), (6, 3, 4)),
        "matrix and vector": ((2, 3), (3,)),
        "vector and matrix": ((3,), (3, 4)),
        "vectors": ((3,), (3,)),
        "stack and vector": ((5, 2, 3), (3,)),
        "vector and stack": ((3,), (5, 3, 4)),
    }
    for label, (a, b) in products.items():
        yield Sample(MatMul, label, lambda x, y: x @ y, (normal(*a), normal(*b)))
    for label, sizes in {"rows": (5, 3), "one vector": (3,), "stack": (2, 5, 3)}.items():
        draws = (normal(*sizes), normal(4, 3), normal(4))
        yield Sample(Linear, label, F.linear, draws)
    yield Sample(Linear, "no bias", F.linear, (normal(5, 3), normal(4, 3)))


def _convolutions() -> Iterator[Sample]:
    # (x, w, options); w is (O, C/groups, KH, KW)
    cases: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
        "plain": ((2, 3, 5, 6), (4, 3, 3, 2), {}),
        "padding": ((2, 3, 5, 6), (4, 3, 3, 3), {"padding": 1}),
        "stride": ((2, 3, 7, 6), (4, 3, 3, 2), {"stride": 2}),
        "dilation": ((2, 3, 7, 6), (4, 3, 3, 2), {"dilation": 2}),
        "groups": ((2, 4, 5, 4), (6, 2, 3, 2), {"groups": 2}),
        "1 × 1": ((2, 3, 4, 5), (4, 3, 1, 1), {}),
        "1 × 1, stride 2": ((2, 3, 4, 5), (4, 3, 1, 1), {"stride": 2}),
        "kernel = input": ((2, 3, 4, 5), (4, 3, 4, 5), {}),
        "one pixel": ((1, 3, 1, 1), (4, 3, 1, 1), {}),
        "1 × 1 map, padded": ((2, 3, 1, 1), (4, 3, 3, 3), {"padding": 1}),
        "1 × 7": ((2, 2, 3, 8), (3, 2, 1, 7), {"padding": (0, 3)}),
        "stride > kernel": ((2, 3, 7, 8), (4, 3, 2, 2), {"stride": 3}),
        "remainder columns": ((2, 3, 6, 8), (4, 3, 3, 3), {"stride": (2, 3)}),
        "four paddings": ((2, 3, 4, 5), (4, 3, 3, 2), {"padding": (1, 2, 0, 3)}),
        "same": ((2, 3, 4, 5), (4, 3, 2, 4), {"padding": "same"}),
        "all at once": (
            (2, 4, 7, 9),
            (6, 2, 3, 2),
            {"stride": (2, 3), "padding": (2, 1), "dilation": (1, 2), "groups": 2},
        ),
        "asymmetric dilation, stride": (
            (1, 2, 9, 8),
            (3, 2, 2, 3),
            {"stride": (3, 2), "dilation": (3, 2), "padding": (1, 2)},
        ),
    }
    for label, (x, w, options) in cases.items():
        draws = (normal(*x), normal(*w), normal(w[0]))
        yield Sample(Conv2d, label, partial(F.conv2d, **options), draws)
    yield Sample(Conv2d, "no bias", F.conv2d, (normal(2, 3, 4, 5), normal(4, 3, 2, 3)))

    cases = {
        "plain": ((2, 3, 5, 6), (3, 1, 3, 2), {}),
        "padding": ((2, 3, 5, 6), (3, 1, 3, 3), {"padding": 1}),
        "multiplier": ((2, 3, 5, 6), (6, 1, 3, 2), {"padding": 1}),
        "stride": ((2, 3, 7, 6), (3, 1, 3, 3), {"stride": 2, "padding": 1}),
        "1 × 1": ((2, 3, 4, 5), (3, 1, 1, 1), {}),
        "kernel = input": ((2, 3, 4, 5), (3, 1, 4, 5), {}),
        "all at once": (
            (2, 3, 7, 9),
            (6, 1, 3, 2),
            {"stride": (2, 3), "padding": (1, 0, 2, 1), "dilation": (2, 1)},
        ),
    }
    for label, (x, w, options) in cases.items():
        draws = (normal(*x), normal(*w), normal(w[0]))
        function = partial(F.conv2d, groups=x[1], **options)
        yield Sample(DepthwiseConv2d, label, function, draws)


def _pools() -> Iterator[Sample]:
    cases: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
        "2 × 2": ((2, 3, 4, 6), {"kernel_size": 2}),
        "overlapping": ((2, 3, 7, 5), {"kernel_size": 3, "stride": 2}),
        "padding": ((2, 3, 5, 6), {"kernel_size": 3, "stride": 2, "padding": 1}),
        "asymmetric": ((2, 3, 5, 7), {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
        "ceil mode": ((2, 3, 5, 6), {"kernel_size": 2, "ceil_mode": True}),
        "ceil mode, padding": (
            (1, 2, 6, 7),
            {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        ),
        "whole image": ((2, 3, 4, 5), {"kernel_size": (4, 5)}),
        "stride > kernel": ((2, 3, 7, 8), {"kernel_size": 2, "stride": 3}),
    }
    for label, (sizes, options) in cases.items():
        yield Sample(MaxPool2d, label, partial(F.max_pool2d, **options), (distinct(*sizes),))
        for counted in (True, False):
            function = partial(F.avg_pool2d, count_include_pad=counted, **options)
            full = f"{label}, count_include_pad={counted}"
            yield Sample(AvgPool2d, full, function, (normal(*sizes),))
    dilated = partial(F.max_pool2d, kernel_size=2, stride=1, dilation=(2, 3))
    yield Sample(MaxPool2d, "dilation", dilated, (distinct(2, 3, 5, 6),))
    for out in (1, 2, (3, 2), (5, 7)):
        function = partial(F.adaptive_avg_pool2d, output_size=out)
        yield Sample(AdaptiveAvgPool2d, f"to {out}", function, (normal(2, 3, 5, 7),))


def _norms() -> Iterator[Sample]:
    for label, sizes in {
        "images": (3, 2, 4, 5),
        "vectors": (6, 3),
        "one image": (1, 3, 2, 4),
        "1 × 1 maps": (5, 2, 1, 1),
    }.items():
        C = sizes[1]
        draws = (normal(*sizes), positive(C), normal(C))
        yield Sample(BatchNorm, label, _batch_norm, draws)
        yield Sample(BatchNorm, f"{label}, not affine", _batch_norm, draws[:1])
        yield Sample(BatchNormInference, label, _batch_norm_inference, draws)
        yield Sample(BatchNormInference, f"{label}, not affine", _batch_norm_inference, draws[:1])


def _batch_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    return F.batch_norm(x, None, None, weight, bias, training=True)


def _batch_norm_inference(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    c = np.arange(x.shape[1])
    return F.batch_norm(x, 0.3 * c - 0.2, 0.5 + c, weight, bias)


def _activations() -> Iterator[Sample]:
    yield Sample(activation.ReLU, "matrix", F.relu, (off_zero(3, 5),))
    yield Sample(activation.Sigmoid, "matrix", F.sigmoid, (normal(3, 5),))
    yield Sample(activation.Tanh, "matrix", F.tanh, (normal(3, 5),))
    for axis in (-1, 0, 1):
        yield Sample(
            activation.Softmax, f"axis {axis}", partial(F.softmax, axis=axis), (normal(3, 5, 2),)
        )
        log_softmax = partial(F.log_softmax, axis=axis)
        yield Sample(activation.LogSoftmax, f"axis {axis}", log_softmax, (normal(3, 5, 2),))
    for p in (0.2, 0.7):
        yield Sample(Dropout, f"p = {p}", partial(_dropout, p=p), (normal(4, 5),))


def _dropout(x: Tensor, p: float) -> Tensor:
    """Dropout with one mask for every call, so that differences can be taken."""
    before = random.get_state()
    random.manual_seed(0)
    y = F.dropout(x, p)
    random.set_state(before)
    return y


def _losses() -> Iterator[Sample]:
    rows, images = np.array([2, 0, -100, 1, 2]), np.arange(12).reshape(2, 2, 3) % 4
    weight = np.array([0.5, 2.0, 1.0, 0.3])
    for labels, sizes in ((rows, (5, 4)), (images, (2, 4, 2, 3))):
        for reduction in ("mean", "sum", "none"):
            options: dict[str, Any] = {"labels": labels, "reduction": reduction}
            label = f"{sizes}, {reduction}"
            variants: dict[str, dict[str, Any]] = {
                "": {},
                ", weights": {"weight": weight},
                ", smoothing": {"label_smoothing": 0.1},
                ", both": {"weight": weight, "label_smoothing": 0.2},
            }
            for extra, more in variants.items():
                function = partial(F.cross_entropy, **options, **more)
                yield Sample(loss.CrossEntropy, label + extra, function, (normal(*sizes),))
            yield Sample(loss.NLLLoss, label, partial(F.nll_loss, **options), (normal(*sizes),))
            weighted = partial(F.nll_loss, **options, weight=weight)
            yield Sample(loss.NLLLoss, f"{label}, weights", weighted, (normal(*sizes),))


def samples() -> list[Sample]:
    """All samples of all ops."""
    families = (
        _arithmetic,
        _reductions,
        _shapes,
        _matrices,
        _convolutions,
        _pools,
        _norms,
        _activations,
        _losses,
    )
    return [sample for family in families for sample in family()]
