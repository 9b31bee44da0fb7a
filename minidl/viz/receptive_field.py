"""The receptive field: which pixels one unit can see, and which it does see."""

import copy
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from minidl_kernels import active, use

from minidl.nn import Module
from minidl.ops.pool import MaxPool2d
from minidl.tensor import Tensor
from minidl.viz.inside import as_batch, at_rest, maps, outputs
from minidl.viz.rules import backward_by
from minidl.viz.style import ORANGE, TICK, dress, figure
from minidl.viz.tiles import UNSIGNED, colour_bar

Array = np.ndarray
Place = tuple[int, int]
TWO_SIGMA = float(np.exp(-2))  # of its peak is what a Gaussian has left two σ away


def receptive_field_map(
    model: Module, image_shape: tuple[int, int, int], layer: str, unit: Place | None = None
) -> Array:
    """Which pixels can reach a unit, that is, one place of a layer's maps in all channels.

    A gradient can be zero by chance: two ways cancel, a ReLU is closed, another pixel won the
    pooling. So it is computed in a copy of the network whose weights are all positive, drawn at
    random, and in which pooling sends its gradient to all pixels of a window. What is still zero is
    out of reach.

    Args:
        model: stays as it is.
        image_shape: (C, H, W).
        layer: the dotted name of a layer with maps.
        unit: (row, column) in its maps; the middle if None.

    Returns:
        (H, W) booleans, True where the unit can see.

    Raises:
        ValueError: there is no such layer, or it returns no maps, or has no such unit.
    """
    positive = _positive(model)
    # Small numbers, which neither close a gate nor fill it.
    x = Tensor(np.random.default_rng(1).uniform(5e-4, 15e-4, (1, *image_shape)), requires_grad=True)
    # NumPy's kernels: plain sums of products, without a trick that leaves a rounding error for 0.
    with at_rest(positive), use("numpy"):
        A, layer = maps(outputs(positive, x), layer)
        backward_by({MaxPool2d: _to_all}, A, _signal(A, layer, unit))
    assert x.grad is not None
    return (x.grad[0] != 0).any(axis=0)


def effective_field_map(model: Module, images: Any, layer: str, unit: Place | None = None) -> Array:
    """How strongly each pixel moves a unit, averaged over images.

        E[h,w] = mean over n of Σ_c |∂ Σ_o y[n,o,i,j] / ∂ x[n,c,h,w]|     (i, j) the unit

    Few of the pixels that can reach a unit matter: there are many more ways from a pixel in the
    middle than from the rim, and their number, as a sum of many small steps, is nearly Gaussian.

    Args:
        model: runs in evaluation mode; nothing in it changes.
        images: (N, C, H, W), scaled as the model takes them; random numbers will do.
        layer, unit: as for `receptive_field_map`.

    Returns:
        E (H, W).

    Source: Luo et al., Understanding the Effective Receptive Field in Deep Convolutional Neural
    Networks, 2016.
    """
    x = Tensor(as_batch(model, images), requires_grad=True)
    with at_rest(model):
        A, layer = maps(outputs(model, x), layer)
        A.backward(_signal(A, layer, unit))
    assert x.grad is not None
    return np.abs(x.grad).sum(axis=1).mean(axis=0)


def receptive_field(model: Module, images: Any, layer: str, unit: Place | None = None) -> Figure:
    """Draw which pixels a unit can see, and beside it how strongly each pixel moves it.

    Args:
        model, images, layer, unit: as for `effective_field_map`.
    """
    batch = as_batch(model, images)
    _, C, H, W = batch.shape
    can = receptive_field_map(model, (C, H, W), layer, unit)
    does = effective_field_map(model, batch, layer, unit)
    rows, columns = np.flatnonzero(can.any(axis=1)), np.flatnonzero(can.any(axis=0))
    height, width = len(rows), len(columns)
    strong = int((does > TWO_SIGMA * does.max()).sum())
    share = f"{TWO_SIGMA:.0%}".replace("%", " %")

    fig = figure(width=7.6, height=3.9)
    left, right = fig.subplots(1, 2)
    left.imshow(can, cmap=UNSIGNED, vmin=0, vmax=1.25, interpolation="nearest")
    largest = does.max() or 1
    heat = right.imshow(does / largest, cmap=UNSIGNED, vmin=0, vmax=1, interpolation="nearest")
    right.add_patch(
        Rectangle(
            (columns.min() - 0.5, rows.min() - 0.5),
            columns.max() - columns.min() + 1,
            rows.max() - rows.min() + 1,
            fill=False,
            edgecolor=ORANGE,
            linewidth=2,
        )
    )
    dress(left, f"a unit of {layer} can see\n{height} × {width} pixels", "column", "row")
    dress(right, f"it mostly sees {strong} of these {can.sum()}\n(more than {share} of the peak)")
    right.set_xlabel("column", fontsize=TICK)
    for ax in (left, right):
        ax.grid(False)
    colour_bar(fig, heat, right, "|gradient| / largest")
    return fig


def _positive(model: Module) -> Module:
    """A copy in float64 with positive weights that keep numbers about as large as they were.

    In float64, because from the rim of a deep network's field there are few ways and the product
    of the weights along them is far below what float32 can hold.
    """
    twin = copy.deepcopy(model).astype(np.float64)
    rng = np.random.default_rng(0)
    for name, parameter in twin.named_parameters():
        share = 0.0 if name.endswith("bias") else 1 / np.prod(parameter.shape[1:])
        parameter.data = rng.uniform(0.5, 1.5, parameter.shape) * share
    for name, buffer in twin.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer[...] = name.endswith("running_var")
    return twin


def _signal(A: Tensor, layer: str, unit: Place | None) -> Array:
    """Zeros of the maps' shape with 1 at the unit."""
    H, W = A.shape[2:]
    i, j = (H // 2, W // 2) if unit is None else unit
    if not (0 <= i < H and 0 <= j < W):
        raise ValueError(f"layer {layer!r} has maps of {H} × {W} pixels; there is no unit {(i, j)}")
    signal = np.zeros_like(A.data)
    signal[:, :, i, j] = 1
    return signal


def _to_all(op: MaxPool2d, grad: Array) -> Array:
    """Each pixel of a window receives what arrives: a depthwise convolution's input gradient."""
    kernel, stride, (top, bottom, left, right), dilation = op.window
    # A window of a pooling that rounds up may run beyond the padding.
    beyond = [
        (out - 1) * s + d * (k - 1) + 1 - size
        for out, s, d, k, size in zip(
            grad.shape[2:], stride, dilation, kernel, op.x_shape[2:], strict=True
        )
    ]
    padding = top, max(bottom, beyond[0] - top), left, max(right, beyond[1] - left)
    ones = np.ones((op.x_shape[1], 1, *kernel), grad.dtype)
    kernels = active().depthwise
    return kernels.depthwise_input_gradient(grad, ones, op.x_shape, stride, padding, dilation)
