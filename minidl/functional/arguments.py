"""Reading arguments: whatever the user gives becomes a tensor, and images have four axes."""

import math
from numbers import Real

import numpy as np

from minidl.errors import InputError
from minidl.ops.dtypes import check_float
from minidl.tensor import ArrayLike, Tensor


def as_tensor(x: ArrayLike) -> Tensor:
    """x itself if it is a tensor, else a tensor of it."""
    return x if isinstance(x, Tensor) else Tensor(x)


def as_array(x: ArrayLike | None) -> np.ndarray | None:
    """The array itself, not a copy, so that running statistics can be moved in place."""
    return x.data if isinstance(x, Tensor) else x


def as_number(
    value: float, name: str, operation: str, least: float = -math.inf, above: float = -math.inf
) -> float:
    """A number given as an option, as Python's float, which leaves float32 arrays float32.

    `least` is the smallest allowed; `above` is too small itself.
    """
    if not isinstance(value, Real):
        raise InputError(
            operation,
            f"{name} must be a number, not {type(value).__name__}",
            f"Write {name}=1.0, say",
        )
    if value < least or value <= above:
        bound = f"at least {least:g}" if least > -math.inf else f"greater than {above:g}"
        raise InputError(operation, f"{name}={value} must be {bound}", "Choose a larger one")
    return float(value)


def as_image(x: ArrayLike, operation: str) -> Tensor:
    """A batch of images (N, C, H, W) as a tensor."""
    x = as_tensor(x)
    if x.ndim != 4:
        hint = "Add the batch axis: x[None]" if x.ndim == 3 else "Reshape it to four axes"
        raise InputError(
            operation, f"the input has shape {x.shape}, not four axes (N, C, H, W)", hint
        )
    check_float(operation, x.data)
    return x
