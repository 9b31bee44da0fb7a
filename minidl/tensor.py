"""Tensor: an array, its gradient, and the op that made it.

    x = Tensor([[1.0, 2.0]], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    x.grad                                        # array([[2., 4.]], dtype=float32)

Methods follow NumPy: `axis`, `keepdims`, broadcasting, indexing. Gradients are first order.
"""

import math
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np

from minidl import autograd
from minidl.autograd import Array, Hook, HookHandle, Op
from minidl.errors import GraphError, InputError
from minidl.ops import elementwise, reduce, shape
from minidl.ops.axes import Axis, checked_axes, checked_axis, checked_new_axis
from minidl.ops.index import Index
from minidl.ops.matmul import MatMul
from minidl.shapes import blank_like, is_shapes_only

ArrayLike = Any
"""A Tensor, or anything NumPy can make an array of."""


class Tensor:
    """An array that remembers how it was computed, so that gradients can flow back through it.

    Args:
        data: an array (kept, not copied), a number, or nested lists of numbers. Python's floats
            become float32; arrays keep their dtype, so float64 in stays float64 all the way.
        requires_grad: ask for the gradient of this tensor; it is then a leaf of the graph.

    Attributes:
        data: the ndarray.
        grad: ∂L/∂self as an ndarray after `backward()`, for leaves only; None before.
        op: the operation that made this tensor; None for a leaf.
    """

    __slots__ = ("_leaf_requires_grad", "data", "grad", "hooks", "op")
    __array_ufunc__ = None  # so that `ndarray * tensor` asks Tensor, not NumPy, to multiply
    __hash__ = object.__hash__  # == compares numbers, so tensors are hashed by identity

    def __init__(self, data: ArrayLike, requires_grad: bool = False) -> None:
        array = _as_array(data)
        self.data: Array = blank_like(array) if is_shapes_only() else array
        self.grad: Array | None = None
        self.op: Op | None = None
        self.hooks: dict[HookHandle, Hook] = {}
        self._leaf_requires_grad = False
        self.requires_grad = requires_grad

    # ------------------------------------------------------------------------------ facts

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows to (or through) this tensor."""
        return self.op is not None or self._leaf_requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.op is not None:
            raise GraphError(
                "requires_grad can be set on leaves only, but this tensor was made by "
                f"{self.op.name}. Use .detach() to cut it from the graph"
            )
        if wanted and not np.issubdtype(self.dtype, np.floating):
            raise TypeError(
                f"only floating-point tensors can have a gradient, not {self.dtype}: a whole "
                "number cannot be changed a little. Convert it with .astype('float32')"
            )
        self._leaf_requires_grad = wanted

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[k] for k in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def __repr__(self) -> str:
        body = np.array2string(self.data, separator=", ", prefix="Tensor(", threshold=60)
        notes = [] if self.dtype in (np.float32, np.int64, np.bool_) else [f"dtype={self.dtype}"]
        if self.op is not None:
            notes.append(f"op={type(self.op).__name__}")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return f"Tensor({', '.join([body, *notes])})"

    def item(self) -> float | int | bool:
        """The only element, as a Python number."""
        return self.data.item()

    def numpy(self) -> Array:
        """The array itself, not a copy. What is computed from it does not reach the graph."""
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self.requires_grad:
            raise TypeError(
                "NumPy would compute with this tensor's array and its gradient would be lost. Use "
                "minidl's own functions, or .numpy() if no gradient is wanted"
            )
        return np.array(self.data, dtype=dtype, copy=copy)

    def detach(self) -> "Tensor":
        """A tensor with the same array (shared) but no past: no gradient flows through it."""
        return Tensor(self.data)

    # --------------------------------------------------------------------------- gradient

    def backward(
        self,
        grad: ArrayLike | None = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Compute the gradient of this tensor with respect to every leaf it was computed from.

        Gradients are added to the leaves' `.grad`, so two calls add up; `optimizer.zero_grad()`
        starts afresh. The graph is freed on the way.

        Args:
            grad: ∂L/∂self, of this tensor's shape; 1 if this tensor is a scalar loss.
            retain_graph: keep the graph, so that backward can be called again.
            create_graph: not supported, see below.

        Raises:
            GraphError: there is no graph, or it was freed, or `grad` is missing or misshapen.
            NotImplementedError: with create_graph, which asks for second derivatives.
        """
        if create_graph:
            raise NotImplementedError(
                "minidl computes first derivatives only: its backward passes are written by hand "
                "on plain arrays and leave no graph of their own to differentiate again"
            )
        if not self.requires_grad:
            raise GraphError(
                "backward() on a tensor without a graph: nothing it was computed from requires a "
                "gradient, or it was computed under no_grad()"
            )
        if grad is None:
            if self.size != 1:
                raise GraphError(
                    f"backward() without an argument needs a scalar, but this tensor has shape "
                    f"{self.shape}. Reduce it first (.sum(), .mean()), or pass ∂L/∂self"
                )
            seed = np.ones(self.shape, self.dtype)
        else:
            seed = np.asarray(_as_array(grad), self.dtype)
            if seed.shape != self.shape:
                raise GraphError(
                    f"the gradient passed to backward() has shape {seed.shape}, but this tensor "
                    f"has shape {self.shape}"
                )
        autograd.backward(self.op or self, seed, retain_graph)

    def accumulate(self, grad: Array) -> None:
        """Add `grad` to `.grad`. The walk calls this on leaves; the array is never shared."""
        self.grad = np.array(grad) if self.grad is None else np.asarray(self.grad + grad)

    def register_hook(self, hook: Hook) -> HookHandle:
        """Call `hook(gradient)` whenever this tensor's gradient is known during a backward pass.

        What the hook returns, unless None, takes the gradient's place. It must not change the
        array it is given.
        """
        if not self.requires_grad:
            raise GraphError("a hook on a tensor that requires no gradient would never be called")
        return HookHandle(self.op.hooks if self.op is not None else self.hooks, hook)

    # ------------------------------------------------------------------------- arithmetic

    def __add__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(elementwise.Add, self, other)

    def __radd__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(elementwise.Add, other, self)

    def __sub__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(elementwise.Subtract, self, other)

    def __rsub__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(elementwise.Subtract, other, self)

    def __mul__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(elementwise.Multiply, self, other)

    def __rmul__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(elementwise.Multiply, other, self)

    def __truediv__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(elementwise.Divide, self, other)

    def __rtruediv__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(elementwise.Divide, other, self)

    def __matmul__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(MatMul, self, other)

    def __rmatmul__(self, other: ArrayLike) -> "Tensor":
        return apply_pair(MatMul, other, self)

    def __pow__(self, exponent: float) -> "Tensor":
        if not isinstance(exponent, Real):
            raise TypeError(
                f"the exponent must be a number, not {type(exponent).__name__}; "
                "for a ** b with a tensor b write (b * a.log()).exp()"
            )
        number = exponent.item() if isinstance(exponent, np.generic) else exponent
        return apply(elementwise.Power, self, exponent=number)

    def __neg__(self) -> "Tensor":
        return apply(elementwise.Negate, self)

    def __abs__(self) -> "Tensor":
        return self.abs()

    def abs(self) -> "Tensor":
        """|x|; its derivative at 0 is taken as 0."""
        return apply(elementwise.Absolute, self)

    def exp(self) -> "Tensor":
        """eˣ."""
        return apply(elementwise.Exp, self)

    def log(self) -> "Tensor":
        """ln x."""
        return apply(elementwise.Log, self)

    def sqrt(self) -> "Tensor":
        """√x."""
        return apply(elementwise.Sqrt, self)

    def clip(self, low: float | None = None, high: float | None = None) -> "Tensor":
        """min(max(x, low), high); None is no bound. The gradient passes where low ≤ x ≤ high."""
        bounds = {"low": low, "high": high}
        for name, bound in bounds.items():
            if not isinstance(bound, Real | None):
                raise TypeError(
                    f"{name} must be a number or None, not {type(bound).__name__}; for bounds that "
                    "differ from element to element use F.maximum and F.minimum"
                )
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in bounds.items()}
        return apply(elementwise.Clip, self, **plain)

    def astype(self, dtype: Any) -> "Tensor":
        """The same numbers as another dtype; the gradient comes back in this one."""
        target = np.dtype(dtype)
        if not np.issubdtype(target, np.floating):
            return Tensor(self.data.astype(target))
        return apply(elementwise.Cast, self, dtype=target)

    # Comparisons have no gradient: their result jumps.

    def __eq__(self, other: ArrayLike) -> "Tensor":  # type: ignore[override]
        return Tensor(self.data == _as_array(other))

    def __ne__(self, other: ArrayLike) -> "Tensor":  # type: ignore[override]
        return Tensor(self.data != _as_array(other))

    def __lt__(self, other: ArrayLike) -> "Tensor":
        return Tensor(self.data < _as_array(other))

    def __le__(self, other: ArrayLike) -> "Tensor":
        return Tensor(self.data <= _as_array(other))

    def __gt__(self, other: ArrayLike) -> "Tensor":
        return Tensor(self.data > _as_array(other))

    def __ge__(self, other: ArrayLike) -> "Tensor":
        return Tensor(self.data >= _as_array(other))

    def argmax(self, axis: int | None = None) -> Array:
        """The position of the largest element along `axis`, of equal ones the first.

        An ndarray of integers; without an axis the position in the flattened tensor.
        """
        along = None if axis is None else checked_axis("argmax", axis, self.shape)
        return np.asarray(self.data.argmax(axis=along))

    def argmin(self, axis: int | None = None) -> Array:
        """The position of the smallest element along `axis`; otherwise as `argmax`."""
        along = None if axis is None else checked_axis("argmin", axis, self.shape)
        return np.asarray(self.data.argmin(axis=along))

    # ------------------------------------------------------------------------- reductions

    def sum(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """Σ x over `axis` (all axes if None)."""
        return apply(reduce.Sum, self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The average of x over `axis`."""
        return apply(reduce.Mean, self, axis=axis, keepdims=keepdims)

    def var(self, axis: Axis = None, keepdims: bool = False, correction: int = 0) -> "Tensor":
        """The variance of x over `axis`, divided by count − correction (NumPy's default is 0)."""
        return apply(reduce.Var, self, axis=axis, keepdims=keepdims, correction=correction)

    def std(self, axis: Axis = None, keepdims: bool = False, correction: int = 0) -> "Tensor":
        """The standard deviation over `axis`: the root of `var`.

        Where all numbers are equal it has no derivative, and the gradient is NaN: to divide by it,
        write (x.var() + eps).sqrt().
        """
        return self.var(axis, keepdims, correction).sqrt()

    def max(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The largest element over `axis`. The gradient goes to the first of equal ones."""
        return apply(reduce.Max, self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """The smallest element over `axis`. The gradient goes to the first of equal ones."""
        return apply(reduce.Min, self, axis=axis, keepdims=keepdims)

    # ------------------------------------------------------------------------------ shape

    def reshape(self, *sizes: int | tuple[int, ...]) -> "Tensor":
        """The same numbers under another shape: `x.reshape(2, -1)` or `x.reshape((2, -1))`."""
        return apply(shape.Reshape, self, shape=_unpacked(sizes))

    def flatten(self, start_axis: int = 0) -> "Tensor":
        """All axes from `start_axis` on made one."""
        start = checked_axis("flatten", start_axis, self.shape) if self.ndim else 0
        kept, joined = self.shape[:start], self.shape[start:]
        return self.reshape(*kept, math.prod(joined))

    def transpose(self, *axes: int | tuple[int, ...]) -> "Tensor":
        """Axes in another order; reversed if none is given."""
        order = _unpacked(axes) or tuple(reversed(range(self.ndim)))
        return apply(shape.Transpose, self, axes=order)

    def permute(self, *axes: int | tuple[int, ...]) -> "Tensor":
        """`transpose` under PyTorch's name; every axis must be named."""
        return apply(shape.Transpose, self, axes=_unpacked(axes))

    @property
    def T(self) -> "Tensor":  # noqa: N802 - NumPy's name
        """The axes reversed."""
        return self.transpose()

    def broadcast_to(self, *sizes: int | tuple[int, ...]) -> "Tensor":
        """x repeated along new or length-1 axes."""
        return apply(shape.BroadcastTo, self, shape=_unpacked(sizes))

    def expand_dims(self, axis: int) -> "Tensor":
        """A new axis of length 1, which stands at `axis` of the result."""
        at = checked_new_axis("expand_dims", axis, self.shape)
        return self.reshape(*self.shape[:at], 1, *self.shape[at:])

    def squeeze(self, axis: Axis = None) -> "Tensor":
        """Without the axes named, which must have length 1; without all such axes if None."""
        gone = checked_axes("squeeze", axis, self.shape)
        if axis is None:
            gone = tuple(k for k in gone if self.shape[k] == 1)
        for k in gone:
            if self.shape[k] != 1:
                raise InputError(
                    "squeeze",
                    f"axis {k} of shape {self.shape} has length {self.shape[k]}, not 1",
                    f"To be rid of it take one element, or reduce it: x.mean(axis={k})",
                )
        return self.reshape(tuple(size for k, size in enumerate(self.shape) if k not in gone))

    def flip(self, axis: Axis = None) -> "Tensor":
        """The order reversed along `axis` (all axes if None)."""
        reversed_axes = checked_axes("flip", axis, self.shape)
        return self[
            tuple(slice(None, None, -1 if k in reversed_axes else 1) for k in range(self.ndim))
        ]

    def roll(self, shift: int | tuple[int, ...], axis: Axis = None) -> "Tensor":
        """Elements moved `shift` places on along `axis`; those pushed out come in at the start.

        Several axes take one shift each, or all the same. Without an axis the flattened elements
        are moved.
        """
        if axis is None:
            return self.reshape(-1).roll(shift, 0).reshape(self.shape)
        axes = checked_axes("roll", axis, self.shape)
        shifts = tuple(shift) if isinstance(shift, tuple | list) else (shift,) * len(axes)
        if len(shifts) != len(axes) or not all(isinstance(places, Integral) for places in shifts):
            raise InputError(
                "roll",
                f"shift={shift!r} does not give a whole number of places for each axis of "
                f"axis={axis!r}",
                "Give one integer, or as many as axes",
            )
        return apply(shape.Roll, self, shift=shifts, axes=axes)

    def __getitem__(self, index: Any) -> "Tensor":
        parts = index if isinstance(index, tuple) else (index,)
        plain = tuple(part.data if isinstance(part, Tensor) else part for part in parts)
        return apply(Index, self, index=plain if isinstance(index, tuple) else plain[0])


def apply(op_class: type[Op], *inputs: ArrayLike | None, **options: Any) -> Tensor:
    """Run an operation on tensors; every function and method of minidl comes through here.

    The op sees plain arrays. If any input wants a gradient, the op joins the graph and the result
    remembers it; otherwise it is forgotten together with all that it saved.

    Args:
        op_class: which operation.
        inputs: tensors or arrays, one for each array of `op_class.forward`; None where optional.
        options: what else `op_class.forward` takes.
    """
    tensors = [x if isinstance(x, Tensor) or x is None else Tensor(x) for x in inputs]
    arrays = tuple(None if x is None else x.data for x in tensors)
    op = op_class()
    recording = autograd.is_grad_enabled()
    op.needs = tuple([recording and x is not None and x.requires_grad for x in tensors])
    with autograd.observed(op, "forward"):
        data = np.asarray(op.forward(*arrays, **options))
    if data.dtype == np.float64 and all(x is None or x.dtype.kind != "f" for x in arrays):
        data = data.astype(np.float32)  # a function of whole numbers: NumPy would go to float64
    autograd.check_output(op, arrays, data)
    output = Tensor(data)
    if any(op.needs):
        parents = [
            (x.op or x) if x is not None and need else None
            for x, need in zip(tensors, op.needs, strict=True)
        ]
        op.link(tuple(parents), data)
        output.op = op
    return output


def apply_pair(op_class: type[Op], left: ArrayLike, right: ArrayLike, **options: Any) -> Tensor:
    """Run an op of two operands after giving both one dtype.

    Whole numbers and bare Python numbers take the other operand's floating-point dtype (NumPy would
    turn int64 with float32 into float64); float32 meets float64 in float64.
    """
    a, b = _operand(left, right), _operand(right, left)
    if a.dtype != b.dtype:
        bare = isinstance(left, int | float), isinstance(right, int | float)
        strong = [x.dtype for x, weak in zip((a, b), bare, strict=True) if not weak]
        floats = [dtype for dtype in strong if dtype.kind == "f"]
        dtype = max(floats, key=lambda d: d.itemsize) if floats else np.result_type(a.data, b.data)
        a, b = (x if x.dtype == dtype else x.astype(dtype) for x in (a, b))
    return apply(op_class, a, b, **options)


def _operand(value: ArrayLike, other: ArrayLike) -> Tensor:
    """The value as a tensor; a bare number next to float64 is not rounded to float32 on the way."""
    if isinstance(value, Tensor):
        return value
    double = isinstance(value, float) and isinstance(other, Tensor) and other.dtype == np.float64
    return Tensor(np.asarray(value, np.float64) if double else value)


def _as_array(data: ArrayLike) -> Array:
    """An array of booleans, integers, float32 or float64; floats without a dtype: float32."""
    if isinstance(data, Tensor):
        return data.data
    array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"a tensor holds real numbers, not {array.dtype}; rows of different lengths or "
            "non-numbers cannot be one array"
        )
    has_dtype = isinstance(data, np.ndarray | np.generic)
    if array.dtype.kind == "f" and (not has_dtype or array.dtype.itemsize not in (4, 8)):
        return array.astype(np.float32)
    return array


def _unpacked(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or as one tuple."""
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        return tuple(sizes[0])
    return sizes
