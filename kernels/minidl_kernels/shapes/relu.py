"""The shape of ReLU."""

import numpy as np

from minidl_kernels.shapes.blank import Blank

Array = np.ndarray


def relu_forward(x: Array) -> Array:
    """That of x."""
    return Blank(x.shape, x.dtype)
