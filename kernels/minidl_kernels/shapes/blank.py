"""Blank: an array with a shape and a dtype and no numbers, for asking what shape would come out."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

Array = np.ndarray


class Blank(np.ndarray):
    """An array that takes no memory: all its elements are the same few bytes, which are zero.

    What NumPy computes element by element, sums up, joins or multiplies as matrices is not computed
    for a Blank: the result is the Blank of the right shape and dtype. What is written into it is
    lost. Everything else, such as indexing, NumPy does as usual with the zeros.
    """

    def __new__(cls, shape: tuple[int, ...], dtype: Any) -> Self:
        """No numbers of this shape and dtype."""
        dtype = np.dtype(dtype)
        nothing = bytes(dtype.itemsize)
        return super().__new__(cls, shape, dtype, nothing, strides=(0,) * len(shape))

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Any:
        if out is not None:
            return out[0] if len(out) == 1 else out
        if method == "__call__" and ufunc is np.matmul:
            a, b = inputs
            return Blank(_product_shape(a.shape, b.shape), np.result_type(a, b))
        if method == "__call__" and ufunc.signature is None:
            shape = np.broadcast_shapes(*map(np.shape, inputs))
            arrays = [np.empty(0, x.dtype) if isinstance(x, np.ndarray) else x for x in inputs]
            results = ufunc(*arrays)  # asked for the dtypes alone
            if ufunc.nout > 1:
                return tuple(Blank(shape, result.dtype) for result in results)
            return Blank(shape, results.dtype)
        if method == "reduce":
            (x,) = inputs
            dtype = options.get("dtype") or ufunc.reduce(np.zeros(1, x.dtype)).dtype
            return Blank(_reduced_shape(x.shape, options), dtype)
        plain = [x.view(np.ndarray) if isinstance(x, Blank) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __array_function__(
        self, function: Any, types: Any, args: Any, options: Mapping[str, Any]
    ) -> Any:
        if function is np.where and len(args) == 3:
            return Blank(np.broadcast_shapes(*map(np.shape, args)), np.result_type(*args[1:]))
        if function is np.concatenate:
            return _joined(*args, **options)
        if function in (np.empty_like, np.zeros_like, np.ones_like, np.full_like):
            return Blank(args[0].shape, args[0].dtype)
        return super().__array_function__(function, types, args, options)

    def __setitem__(self, index: Any, value: Any) -> None:
        """Nothing is kept."""


def _joined(arrays: Sequence[Array], axis: int = 0) -> Blank:
    """What `np.concatenate` would give."""
    shape = list(arrays[0].shape)
    shape[axis] = sum(array.shape[axis] for array in arrays)
    return Blank(tuple(shape), np.result_type(*arrays))


def _product_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a @ b; a vector stands for a row on the left, for a column on the right."""
    if a[-1] != b[-2:][0]:
        raise ValueError(f"matmul: shapes {a} and {b} do not chain")
    return (*np.broadcast_shapes(a[:-2], b[:-2]), *a[-2:-1], *b[-1:][: len(b) - 1])


def _reduced_shape(shape: tuple[int, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """The shape without the axes of a reduction (by default the first), or with length 1 there."""
    axis = options.get("axis", 0)
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = {k % len(shape) for k in axes}
    keep = options.get("keepdims", False)
    return tuple(1 if k in gone else n for k, n in enumerate(shape) if keep or k not in gone)
