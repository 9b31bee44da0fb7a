"""What the golden tests share: examples small enough for paper, compared forward and backward.

The expected numbers are worked out in the tests' docstrings (or, in tables, in the comment beside
the row), never by the function under test. All cotangents have unequal entries, so a gradient that
is summed along the wrong axis, or not weighted, shows.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidl import Tensor

ln2, ln3, ln5 = np.log([2.0, 3.0, 5.0])
"""Logits whose exponentials are whole numbers, so that softmax and sigmoid give fractions."""


def close(actual: Any, expected: Any) -> None:
    """Assert the same shape, and the same numbers but for rounding in float64."""
    expected = np.asarray(expected, np.float64)
    assert np.shape(actual) == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)


def check(
    f: Callable[..., Tensor],
    inputs: Sequence[Any],
    expected: Any,
    cotangent: Any,
    gradients: Sequence[Any],
) -> None:
    """Compare f(*inputs) with `expected` and its gradients under `cotangent` with `gradients`."""
    tensors = [Tensor(np.array(x, np.float64), requires_grad=True) for x in inputs]
    output = f(*tensors)
    close(output.data, expected)
    output.backward(np.array(cotangent, np.float64))
    for tensor, gradient in zip(tensors, gradients, strict=True):
        close(tensor.grad, gradient)


def image(*channels: Any) -> np.ndarray:
    """One image (1, C, H, W) from its channels (H, W)."""
    return np.array(channels, np.float64)[None]


def check_row(
    f: Callable[[Tensor], Tensor], pixels: Any, expected: Any, cotangent: Any, gradient: Any
) -> None:
    """`check` on an image that is one row of pixels (W,), as are all the others."""
    x, y, g, dx = (image([row]) for row in (pixels, expected, cotangent, gradient))
    check(f, (x,), y, g, (dx,))


def check_empty(
    f: Callable[[Tensor], Tensor], before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    """Of no samples (0, *before) the result is (0, *after), and the gradient is empty like x."""
    x = Tensor(np.zeros((0, *before)), requires_grad=True)
    y = f(x)
    assert y.shape == (0, *after)
    y.backward(np.zeros(y.shape))
    assert x.grad.shape == x.shape
