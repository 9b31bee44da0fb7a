"""Grad-CAM: where in the image the last maps see what speaks for a class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minidl import functional as F
from minidl.nn import Module
from minidl.tensor import Tensor
from minidl.viz.inside import at_rest, class_score, maps, one_image, outputs
from minidl.viz.style import TICK, dress, figure, name, show_image
from minidl.viz.tiles import UNSIGNED, colour_bar, stretched

Array = np.ndarray


def grad_cam_map(
    model: Module, image: Any, label: int | None = None, layer: str | None = None
) -> Array:
    """How much each place of a layer's maps A (C, h, w) speaks for a class.

        α[c]   = mean over i, j of ∂S_k / ∂A[c,i,j]        how much channel c matters for class k
        L[i,j] = max(Σ_c α[c] · A[c,i,j], 0)               only what speaks for it

    L is enlarged to the image's size, bilinearly.

    Args:
        model: x (1, C, H, W) → logits (1, K). It runs in evaluation mode; nothing in it changes.
        image: (C, H, W), scaled as the model takes it.
        label: k; the class with the highest score if None.
        layer: the dotted name of the layer with the maps; if None the last one whose maps have
            more than one pixel.

    Returns:
        L (H, W), in units of the score S_k.

    Raises:
        ValueError: no image, no such class, no such layer, or one that returns no maps.

    Source: Selvaraju et al., Grad-CAM, 2017, equations 1 and 2.
    """
    return _of(model, image, label, layer)[0]


def grad_cam(
    model: Module,
    image: Any,
    label: int | None = None,
    layer: str | None = None,
    classes: Sequence[str] = (),
) -> Figure:
    """Draw an image, and beside it the image under its `grad_cam_map`.

    Args:
        model, image, label, layer: as for `grad_cam_map`.
        classes: names; numbers are used if there are none.
    """
    L, k, layer = _of(model, image, label, layer)
    fig = figure(height=3.4)
    left, right = fig.subplots(1, 2)
    picture = stretched(np.asarray(image))
    show_image(left, picture, "image")
    show_image(right, picture)
    heat = right.imshow(L, cmap=UNSIGNED, vmin=0, vmax=L.max() or 1, alpha=0.65)
    dress(right)
    right.set_title(f"{layer}: what speaks for class {name(classes, k)}", fontsize=TICK)
    right.set_axis_off()
    colour_bar(fig, heat, right, "contribution to the score")
    return fig


def _of(model: Module, image: Any, label: int | None, layer: str | None) -> tuple[Array, int, str]:
    """The map, which class it is for, and which layer's maps it comes from."""
    x = Tensor(one_image(model, image), requires_grad=True)
    gradients: list[Array] = []
    with at_rest(model):
        found = outputs(model, x)
        A, layer = maps(found, layer)  # (1, C, h, w)
        A.register_hook(gradients.append)
        score, k = class_score(found[""], label)
        score.backward()
    if not gradients:
        raise ValueError(f"the scores do not depend on what layer {layer!r} returned")
    alpha = gradients[0][0].mean(axis=(1, 2))  # (C,)
    L = np.maximum(np.tensordot(alpha, A.data[0], axes=1), 0)  # (h, w)
    _, _, H, W = x.shape
    return F.interpolate(L[None, None], (H, W), mode="bilinear").data[0, 0], k, layer
