"""Dropout: training with random holes."""

import numpy as np

from minidl import random
from minidl.autograd import Op
from minidl.ops.dtypes import check_float

Array = np.ndarray


class Dropout(Op):
    """y = x · mask / (1 − p), where each mask element is 0 with probability p and else 1.

    The division keeps the expected value, E[y] = x, so evaluation needs no correction.
    Source: Srivastava et al., Dropout, 2014 (there the weights are scaled in evaluation instead).
    """

    def forward(self, x: Array, *, p: float) -> Array:
        """Set each element to zero with probability p < 1."""
        check_float("dropout", x)
        kept = random.generator().random(x.shape, np.float32) >= p
        self.scale = 1 / (1 - p)
        self.save(kept)
        return x * kept * self.scale

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = mask / (1 − p), with the mask drawn in forward."""
        (kept,) = self.saved
        return grad * kept * self.scale
