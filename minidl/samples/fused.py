"""Fused operations, with and without the optional inputs.

All stay away from ReLU's kink: x and a are at least 1 away from zero and of both signs in turn, so
that no normalised number is near zero; β is too small, and residual and b are too small or too
large, to bring a sum there.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

import minidl.functional as F
from minidl.ops.fused import AddReLU, BatchNormReLU
from minidl.samples.sample import Draw, Sample, positive
from minidl.tensor import Tensor


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    for label, sizes in {
        "images": (3, 2, 4, 5),
        "vectors": (6, 3),
        "one image": (1, 3, 2, 4),
        "1 × 1 maps": (5, 2, 1, 1),
    }.items():
        C = sizes[1]
        x, affine = _both_signs(1, 2, *sizes), (positive(C), _both_signs(0.01, 0.1, C))
        for mode, function in {"training": _training, "evaluation": _evaluation}.items():
            case = f"{label}, {mode}"
            small, large = _both_signs(0.01, 0.04, *sizes), _both_signs(20, 30, *sizes, run=2)
            without = partial(_not_affine, function)
            yield Sample(BatchNormReLU, case, function, (x, *affine))
            yield Sample(BatchNormReLU, f"{case}, not affine", without, (x,))
            yield Sample(BatchNormReLU, f"{case}, residual", function, (x, *affine, small))
            yield Sample(BatchNormReLU, f"{case}, large residual", function, (x, *affine, large))
            yield Sample(BatchNormReLU, f"{case}, residual alone", without, (x, small))

    parts = [_both_signs(1, 2, 3, channels, 4, 5) for channels in (2, 3, 1)]
    affine = positive(6), _both_signs(0.01, 0.1, 6)
    residual = _both_signs(20, 30, 3, 6, 4, 5, run=2)
    for mode, function in {"training": _training, "evaluation": _evaluation}.items():
        in_parts = partial(_in_parts, function)
        yield Sample(BatchNormReLU, f"3 parts, {mode}", in_parts, (*affine, *parts))
        both = partial(_in_parts_with_residual, function)
        yield Sample(BatchNormReLU, f"3 parts, {mode}, residual", both, (residual, *affine, *parts))
    affine = positive(4), _both_signs(0.01, 0.1, 4)
    yield Sample(
        BatchNormReLU,
        "the same part twice",
        lambda weight, bias, x: _training([x, x], weight, bias),
        (*affine, _both_signs(1, 2, 5, 2, 3)),
    )

    a = _both_signs(1, 2, 3, 4, 5)
    yield Sample(AddReLU, "a decides", F.add_relu, (a, _both_signs(0.1, 0.9, 3, 4, 5)))
    yield Sample(AddReLU, "b decides", F.add_relu, (a, _both_signs(3, 4, 3, 4, 5, run=2)))
    yield Sample(AddReLU, "twice the same", lambda x: F.add_relu(x, x), (a,))


def _training(
    x: Tensor | list[Tensor],
    weight: Tensor | None,
    bias: Tensor | None,
    residual: Tensor | None = None,
) -> Tensor:
    return F.batch_norm_relu(x, None, None, weight, bias, training=True, residual=residual)


def _evaluation(
    x: Tensor | list[Tensor],
    weight: Tensor | None,
    bias: Tensor | None,
    residual: Tensor | None = None,
) -> Tensor:
    c = np.arange(sum(part.shape[1] for part in x) if isinstance(x, list) else x.shape[1])
    return F.batch_norm_relu(x, 0.1 * c - 0.2, 0.5 + c, weight, bias, residual=residual)


def _not_affine(
    function: Callable[..., Tensor], x: Tensor, residual: Tensor | None = None
) -> Tensor:
    return function(x, None, None, residual)


def _in_parts(
    function: Callable[..., Tensor], weight: Tensor, bias: Tensor, *parts: Tensor
) -> Tensor:
    return function(list(parts), weight, bias)


def _in_parts_with_residual(
    function: Callable[..., Tensor],
    residual: Tensor,
    weight: Tensor,
    bias: Tensor,
    *parts: Tensor,
) -> Tensor:
    return function(list(parts), weight, bias, residual)


def _both_signs(low: float, high: float, *sizes: int, run: int = 1) -> Draw:
    """Numbers with low ≤ |x| < high, whose sign changes every `run` steps along every axis."""
    signs = (-1.0) ** (np.indices(sizes).sum(axis=0) // run)
    return lambda rng: rng.uniform(low, high, sizes) * signs
