"""Checking a backward pass against finite differences, the proof every op of minidl has to pass.

For a function y = f(x) draw a random cotangent v and look at the scalar L = Σ v · y. Its gradient
can be had in two ways that share no code: by `backward`, and by moving each element of x a little,

    ∂L/∂x_k ≈ (L(x + ε e_k) − L(x − ε e_k)) / 2ε,

which errs by about ε² (curvature) + 10⁻¹⁶/ε (rounding). Why v is random: with v = 1 the gradient of
softmax or of batch norm is exactly zero, and a backward that returns zeros would pass.
"""

from collections.abc import Callable, Sequence

import numpy as np

from minidl.autograd import Array, no_grad
from minidl.errors import GradientError
from minidl.tensor import ArrayLike, Tensor


def gradcheck(
    f: Callable[..., Tensor],
    inputs: Sequence[ArrayLike] | ArrayLike,
    *,
    eps: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    seed: int = 0,
) -> float:
    """Compare the gradients of `f(*inputs)` with central differences; raise if they differ.

    Args:
        f: a function of tensors that returns a tensor. It must return the same result each time, so
            one with dropout seeds minidl first.
        inputs: arrays or tensors, all float64 ones are checked in every element; integer ones are
            passed on as they are. Stay `eps` away from kinks (ReLU at 0, equal values under max).
        eps: how far each element is moved each way.
        rtol: allowed difference relative to the larger of the two numbers.
        atol: allowed difference beside that.
        seed: of the random cotangent.

    Returns:
        The largest difference found, relative to the larger of the two numbers or 1.

    Raises:
        GradientError: they disagree; the message shows both numbers and where the worst are.
        TypeError: an input is float32, or `f` does not return a tensor.
    """
    given = [inputs] if isinstance(inputs, np.ndarray | Tensor) else list(inputs)
    arrays = [np.array(x.data if isinstance(x, Tensor) else x) for x in given]
    for k, array in enumerate(arrays):
        if array.dtype.kind == "f" and array.dtype != np.float64:
            raise TypeError(
                f"gradcheck needs float64, but input {k} is {array.dtype}: with float32's 7 digits "
                "a difference over a small step keeps too few correct digits to judge by. "
                "Convert it: x.astype('float64')"
            )
    tensors = [Tensor(array.copy(), requires_grad=array.dtype.kind == "f") for array in arrays]
    output = f(*tensors)
    if not isinstance(output, Tensor):
        raise TypeError(f"gradcheck needs a function that returns a Tensor, not {type(output)}")
    if output.dtype != np.float64:
        raise TypeError(f"float64 went in but {output.dtype} came out: the function loses digits")
    _check_repeatable(f, arrays, output.data)

    cotangent = np.random.default_rng(seed).standard_normal(output.shape)
    if output.requires_grad:
        output.backward(cotangent)
    worst = 0.0
    for k, (tensor, array) in enumerate(zip(tensors, arrays, strict=True)):
        if not np.array_equal(tensor.data, array, equal_nan=array.dtype.kind == "f"):
            raise GradientError(f"the function changed its input {k}; a forward must not")
        if tensor.requires_grad:
            numeric = _central_differences(f, arrays, k, cotangent, eps)
            worst = max(worst, _compare(k, tensor.grad, numeric, rtol, atol))
    return worst


def _check_repeatable(f: Callable[..., Tensor], arrays: list[Array], first: Array) -> None:
    with no_grad():
        again = f(*(Tensor(array.copy()) for array in arrays)).data
    if not np.array_equal(first, again, equal_nan=True):
        raise GradientError(
            "the function gave two results for the same inputs, so differences mean nothing. "
            "If it draws random numbers, call minidl.manual_seed(0) inside it"
        )


@no_grad()
def _central_differences(
    f: Callable[..., Tensor], arrays: list[Array], k: int, cotangent: Array, eps: float
) -> Array:
    """∂L/∂arrays[k] for L = Σ cotangent · f(arrays), one element after the other."""
    numeric = np.empty_like(arrays[k])

    def output(index: tuple[int, ...], step: float) -> Array:
        moved = arrays[k].copy()  # a new one each time: the output may be a view of it
        moved[index] += step
        return f(*(Tensor(moved if i == k else array) for i, array in enumerate(arrays))).data

    for index in np.ndindex(arrays[k].shape):
        # Subtracted before summing: equal parts of the two outputs then cancel exactly.
        change = output(index, eps) - output(index, -eps)
        numeric[index] = (cotangent * change).sum() / (2 * eps)
    return numeric


def _compare(k: int, analytic: Array | None, numeric: Array, rtol: float, atol: float) -> float:
    """The largest relative difference; GradientError if one is more than allowed."""
    missing = "" if analytic is not None else " (it received none: it is not part of the graph)"
    found = np.zeros_like(numeric) if analytic is None else analytic
    difference, size = np.abs(found - numeric), np.maximum(np.abs(found), np.abs(numeric))
    allowed = atol + rtol * size
    wrong = ~(difference <= allowed)  # so written, a NaN is wrong too
    if not wrong.any():
        return float((difference / np.maximum(size, 1)).max(initial=0.0))
    excess = np.where(np.isnan(difference), np.inf, difference / allowed)
    worst = tuple(int(i) for i in np.unravel_index(np.argmax(excess), excess.shape))
    raise GradientError(
        f"the gradient of input {k}{missing} differs from finite differences in {wrong.sum()} of "
        f"{wrong.size} elements. Worst at index {worst}: backward says {found[worst]:.10g}, "
        f"differences say {numeric[worst]:.10g} (difference {difference[worst]:.3g}, allowed "
        f"{allowed[worst]:.3g})"
    )
