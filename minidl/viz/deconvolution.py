"""The deconvolution view: what in an image excites one map of a layer."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minidl.autograd import no_grad
from minidl.nn import Module
from minidl.ops.fused import AddReLU, BatchNormReLU
from minidl.ops.rectifier import ReLU
from minidl.ops.response_norm import LocalResponseNorm
from minidl.tensor import Tensor
from minidl.viz.inside import as_batch, at_rest, maps, one_image, outputs
from minidl.viz.rules import Rule, backward_by
from minidl.viz.style import TITLE, figure
from minidl.viz.tiles import draw_tiles, opaque, stretched

Array = np.ndarray
BATCH = 8  # images that run together


def deconvolution_map(model: Module, image: Any, layer: str, channel: int) -> Array:
    """Project the strongest activation of one map back down to the pixels.

    All other activations of the layer are set to zero, and what is left goes back through the
    network, layer by layer:

        pooling       each number returns to the place where the maximum was found (the switches)
        ReLU          what is negative on the way back is set to zero, max(r, 0)
        convolution   with the same filters, transposed

    The first and the last are what a gradient does. ReLU is where the two part: a gradient would be
    stopped where the forward pass was negative. Response norms are passed over, batch norms scale.

    Args:
        model: runs in evaluation mode; nothing in it changes. Any ReLU network will do.
        image: (C, H, W), scaled as the model takes it.
        layer: the dotted name of a layer with maps.
        channel: which of its maps.

    Returns:
        (C, H, W), signed, in the image's coordinates.

    Raises:
        ValueError: no image, no such layer or channel, or the layer returns no maps.

    Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014,
    section 2.1.
    """
    x = Tensor(one_image(model, image), requires_grad=True)
    with at_rest(model):
        A, _ = maps(outputs(model, x), layer)
        one = _channel(A.data, layer, channel)[0]  # (h, w)
        row, column = np.unravel_index(one.argmax(), one.shape)
        signal = np.zeros_like(A.data)
        signal[0, channel, row, column] = one[row, column]
        backward_by(RULES, A, signal)
    assert x.grad is not None
    return x.grad[0]


def deconvolution(model: Module, images: Any, layer: str, channel: int, most: int = 9) -> Figure:
    """Draw what excites one map most: of the images that do, the projections and the patches.

    A patch is cut out where its projection (see `deconvolution_map`) is not zero.

    Args:
        model, layer, channel: as for `deconvolution_map`.
        images: (N, C, H, W), scaled as the model takes them, among which to look.
        most: how many are shown.

    Source: Zeiler and Fergus, 2014, figure 2.
    """
    batch = as_batch(model, images)
    with at_rest(model), no_grad():
        strongest = np.concatenate(
            [
                _channel(maps(outputs(model, part), layer)[0].data, layer, channel).max(axis=(1, 2))
                for part in (batch[k : k + BATCH] for k in range(0, len(batch), BATCH))
            ]
        )  # (N,)
    best = np.argsort(-strongest, kind="stable")[:most]
    projections, patches = [], []
    for image in batch[best]:
        projection = deconvolution_map(model, image, layer, channel)
        window = _window(projection)
        largest = np.abs(projection).max() or 1
        projections.append(_visible((1 + projection[window] / largest) / 2))
        patches.append(_visible(stretched(image[window]) / 255))

    fig = figure(width=7.2, height=4.2)
    fig.suptitle(
        f"{layer}, channel {channel}: what excites it most, strongest first", fontsize=TITLE
    )
    for ax, tiles, title in zip(
        fig.subplots(1, 2),
        (projections, patches),
        ("projected back; grey is 0", "same part of the image"),
        strict=True,
    ):
        columns = int(np.ceil(np.sqrt(len(tiles))))
        draw_tiles(ax, _same_size(tiles), columns, title=title)
    return fig


def _channel(A: Array, layer: str, channel: int) -> Array:
    """The maps (N, h, w) of one channel of A (N, C, h, w)."""
    if not 0 <= channel < A.shape[1]:
        raise ValueError(
            f"layer {layer!r} has {A.shape[1]} channels, 0 … {A.shape[1] - 1}, not {channel}"
        )
    return A[:, channel]


def _window(projection: Array) -> tuple[slice, slice, slice]:
    """The rows and columns of (C, H, W) outside of which all numbers are zero."""
    _, rows, columns = np.nonzero(projection)
    if not len(rows):
        return slice(None), slice(None), slice(None)
    return (
        slice(None),
        slice(rows.min(), rows.max() + 1),
        slice(columns.min(), columns.max() + 1),
    )


def _visible(image: Array) -> Array:
    """(C, H, W) as colours (H, W, 4); the mean of all channels if they are not 1 or 3."""
    return opaque((image if len(image) in (1, 3) else image.mean(axis=0, keepdims=True))[None])[0]


def _same_size(tiles: list[Array]) -> Array:
    """Tiles (h, w, 4) of several sizes with a transparent border, (n, H, W, 4)."""
    H, W = (max(tile.shape[axis] for tile in tiles) for axis in (0, 1))
    canvas = np.zeros((len(tiles), H, W, 4))
    for place, tile in zip(canvas, tiles, strict=True):
        h, w, _ = tile.shape
        top, left = (H - h) // 2, (W - w) // 2
        place[top : top + h, left : left + w] = tile
    return canvas


# ------------------------------------------- the ops that do otherwise than their gradient does


def _rectify(_op: ReLU, r: Array) -> Array:
    return np.maximum(r, 0)


def _rectify_both(op: AddReLU, r: Array) -> tuple[Array | None, ...]:
    return tuple(np.maximum(r, 0) if need else None for need in op.needs)


def _pass(_op: LocalResponseNorm, r: Array) -> Array:
    return r


def _rectify_and_scale(op: BatchNormReLU, r: Array) -> tuple[Array | None, ...]:
    """y = max(γ · (x − μ) / √(σ² + ε) + β + residual, 0): rectified, and multiplied by γ / √…"""
    _, gamma, _, _, var, *parts = op.saved
    rectified = np.maximum(r, 0)
    scaled = rectified * (gamma / np.sqrt(var + op.eps))[:, None, None]
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    result = (None, None, rectified, *np.split(scaled, ends, axis=1))
    return tuple(array if need else None for array, need in zip(result, op.needs, strict=True))


RULES: dict[Any, Rule] = {
    ReLU: _rectify,
    AddReLU: _rectify_both,
    BatchNormReLU: _rectify_and_scale,
    LocalResponseNorm: _pass,
}
