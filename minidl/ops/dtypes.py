"""Checking that the numbers of an operation are of one kind."""

import numpy as np

from minidl.errors import InputError

Array = np.ndarray


def check_float(operation: str, x: Array) -> None:
    """InputError if x holds whole numbers, which have no gradient."""
    if x.dtype.kind != "f":
        raise InputError(
            operation,
            f"the input holds {x.dtype}, not floating-point numbers",
            "Convert it: x.astype('float32'), for pixels x.astype('float32') / 255",
        )


def as_float(x: Array) -> Array:
    """x, or float32 of whole numbers: NumPy would take eˣ of a byte in 16 bits, and overflow."""
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def check_dtypes(operation: str, x: Array, weight: Array, bias: Array | None) -> None:
    """InputError unless x, weight and bias share one floating-point dtype.

    NumPy would compute in the wider one, and then a gradient would not have its input's dtype.
    """
    check_float(operation, x)
    for name, array in (("weight", weight), ("bias", bias)):
        if array is not None and array.dtype != x.dtype:
            raise InputError(
                operation,
                f"the input is {x.dtype} but the {name} is {array.dtype}",
                f"Convert the input: x.astype('{array.dtype}'); or the model: "
                f"model.astype('{x.dtype}')"
                if name == "weight"
                else f"Convert the bias: bias.astype('{x.dtype}')",
            )
