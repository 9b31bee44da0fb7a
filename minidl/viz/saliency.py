"""Saliency: which pixels an answer depends on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minidl.nn import Module
from minidl.tensor import Tensor
from minidl.viz.inside import at_rest, class_score, one_image
from minidl.viz.style import TICK, dress, figure, name, show_image
from minidl.viz.tiles import UNSIGNED, colour_bar, stretched

Array = np.ndarray


def saliency_map(model: Module, image: Any, label: int | None = None) -> Array:
    """How strongly each pixel moves the score of a class.

        M[h,w] = max over c of |∂S_k / ∂x[c,h,w]|

    S_k is the logit of class k, not its probability, which another class's logit can move too.

    Args:
        model: x (1, C, H, W) → logits (1, K). It runs in evaluation mode; nothing in it changes.
        image: (C, H, W), scaled as the model takes it.
        label: k; the class with the highest score if None.

    Returns:
        M (H, W).

    Raises:
        ValueError: no image, no such class, or the model returns no logits.

    Source: Simonyan, Vedaldi and Zisserman, Deep Inside Convolutional Networks, 2013, section 3.1.
    """
    return _of(model, image, label)[0]


def saliency(
    model: Module, image: Any, label: int | None = None, classes: Sequence[str] = ()
) -> Figure:
    """Draw an image, and beside it its `saliency_map`.

    Args:
        model, image, label: as for `saliency_map`.
        classes: names; numbers are used if there are none.
    """
    M, k = _of(model, image, label)
    fig = figure(height=3.4)
    left, right = fig.subplots(1, 2)
    show_image(left, stretched(np.asarray(image)), "image")
    picture = right.imshow(M, cmap=UNSIGNED, vmin=0, vmax=M.max() or 1, interpolation="nearest")
    dress(right)
    right.set_title(f"what moves the score of class {name(classes, k)}", fontsize=TICK)
    right.set_axis_off()
    colour_bar(fig, picture, right, "|∂ score / ∂ pixel|")
    return fig


def _of(model: Module, image: Any, label: int | None) -> tuple[Array, int]:
    """The map, and which class it is for."""
    x = Tensor(one_image(model, image), requires_grad=True)
    with at_rest(model):
        score, k = class_score(model(x), label)
        score.backward()
    assert x.grad is not None
    return np.abs(x.grad[0]).max(axis=0), k
