"""Dropout: training with random holes."""

import numpy as np

from minidl import random
from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.dtypes import check_float

Array = np.ndarray


class Dropout(Op):
    """y = x · mask / (1 − p), where each mask element is 0 with probability p and else 1.

    The mask may be smaller than x and broadcast: (N, C, 1, 1) drops whole channels, (N, 1, 1, 1)
    whole images. The division keeps the expected value, E[y] = x, so evaluation needs no
    correction. Source: Srivastava et al., Dropout, 2014 (there the weights are scaled in evaluation
    instead).
    """

    def forward(
        self, x: Array, *, p: float, mask_shape: tuple[int, ...], operation: str = "dropout"
    ) -> Array:
        """Set x to zero where the mask is 0, which happens with probability p < 1."""
        check_float(operation, x)
        kept = random.generator().random(mask_shape, np.float32) >= p
        self.scale = 1 / (1 - p)
        self.save(kept)
        return x * kept * self.scale

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = mask / (1 − p), with the mask drawn in forward."""
        (kept,) = self.saved
        return grad * kept * self.scale


class JoinMean(Op):
    """y = (x₁ + … + x_K) / K, the mean of K arrays of one shape.

    Source: Larsson, Maire and Shakhnarovich, FractalNet, 2017, section 2 (there K counts the
    columns that drop-path has left).
    """

    def forward(self, *arrays: Array) -> Array:
        """Average."""
        first = arrays[0]
        for array in arrays:
            check_float("fractal_join", array)
            if array.shape != first.shape or array.dtype != first.dtype:
                raise InputError(
                    "fractal_join",
                    f"the columns arrive as {first.dtype} {first.shape} and "
                    f"{array.dtype} {array.shape}",
                    "Give all columns the same number of channels and the same stride",
                )
        self.count = len(arrays)
        y = first / self.count
        for array in arrays[1:]:
            y += array / self.count
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        """∂y/∂x_k = 1 / K, the same for all."""
        share = grad / self.count
        return tuple(share if need else None for need in self.needs)
