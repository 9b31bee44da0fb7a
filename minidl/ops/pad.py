"""Frames around an array: of one value, or of copies of what is inside."""

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError

Array = np.ndarray
Widths = tuple[tuple[int, int], ...]
"""(before, after) for every axis."""


class Pad(Op):
    """x with a frame of one constant value around it."""

    def forward(self, x: Array, *, widths: Widths, value: float) -> Array:
        """Add widths[k] = (before, after) elements along axis k; negative widths cut off."""
        _check_cut(x.shape, widths)
        self.before = x.shape
        self.grown = tuple((max(a, 0), max(b, 0)) for a, b in widths)
        self.cut = tuple(
            slice(max(-a, 0), size - max(-b, 0))
            for (a, b), size in zip(widths, x.shape, strict=True)
        )
        kept = x[self.cut]
        grown = (n + a + b for n, (a, b) in zip(kept.shape, self.grown, strict=True))
        y = np.full(tuple(grown), value, x.dtype)
        y[self._inside(y)] = kept
        return y

    def backward(self, grad: Array) -> Array:
        """The frame is constant, so its gradient is dropped; what was cut off receives zero."""
        dx = np.zeros(self.before, grad.dtype)
        dx[self.cut] = grad[self._inside(grad)]
        return dx

    def _inside(self, y: Array) -> tuple[slice, ...]:
        """Where x stands in y."""
        return tuple(slice(a, size - b) for (a, b), size in zip(self.grown, y.shape, strict=True))


class PadByCopy(Op):
    """x in a frame of copies of its own elements: along each axis y[i] = x[source(i − before)].

    For an axis of length n and position p = −before … n + after − 1:

        reflect     source(p) = n − 1 − |n − 1 − |p||     mirror at the edge:   c b | a b c | b a
        replicate   source(p) = min(max(p, 0), n − 1)     repeat the edge:      a a | a b c | c c
        circular    source(p) = p mod n                   start over:           b c | a b c | a b

    Where one end is cut off, circular goes round what is left of the axis, as PyTorch does.
    """

    def forward(self, x: Array, *, widths: Widths, mode: str) -> Array:
        """Add widths[k] = (before, after) elements along axis k; negative widths cut off."""
        _check_cut(x.shape, widths)
        self.before = x.shape
        self.sources = {
            axis: _sources(axis, x.shape, widths[axis], mode)
            for axis in range(x.ndim)
            if widths[axis] != (0, 0)
        }
        for axis, source in self.sources.items():
            x = x.take(source, axis)
        return x if self.sources else x.copy()

    def backward(self, grad: Array) -> Array:
        """∂L/∂x[j] = Σ ∂L/∂y[i] over all i that are copies of x[j], one axis after the other."""
        for axis, source in self.sources.items():
            shape = (*grad.shape[:axis], self.before[axis], *grad.shape[axis + 1 :])
            dx = np.zeros(shape, grad.dtype)
            into, outof = np.moveaxis(dx, axis, 0), np.moveaxis(grad, axis, 0)  # views
            for i, j in enumerate(source):
                into[j] += outof[i]
            grad = dx
        return grad


def _sources(axis: int, shape: tuple[int, ...], width: tuple[int, int], mode: str) -> Array:
    """Which element of an axis each element of the padded axis copies."""
    size, (before, after) = shape[axis], width
    first, left = max(-before, 0), size - max(-before, 0) - max(-after, 0)
    limit = {"reflect": size - 1, "circular": left, "replicate": max(width) if size else 0}[mode]
    if max(width) > limit:
        raise InputError(
            "pad",
            f"mode {mode!r} copies {max(width)} elements of axis {axis}, but with length {size} "
            f"in shape {shape} it has only {limit} to copy",
            "Pad less, or use mode='constant', which fills in one value",
        )
    p = np.arange(-before, size + after)
    if mode == "reflect":
        return size - 1 - np.abs(size - 1 - np.abs(p))
    if mode == "replicate":
        return np.clip(p, 0, size - 1)
    return first + (p - first) % max(left, 1)


def _check_cut(shape: tuple[int, ...], widths: Widths) -> None:
    """InputError where negative widths cut off more than there is."""
    for axis, (before, after) in enumerate(widths):
        cut = max(-before, 0) + max(-after, 0)
        if cut > shape[axis]:
            raise InputError(
                "pad",
                f"negative padding cuts {cut} off axis {axis}, which has length {shape[axis]} in "
                f"shape {shape}",
                "Cut off less; positive numbers add",
            )
