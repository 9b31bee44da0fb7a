"""What the first layer looks for: its filters as small pictures."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minidl.nn import Conv2d, Module
from minidl.tensor import Tensor
from minidl.viz.style import figure
from minidl.viz.tiles import colour_bar, draw_tiles, opaque

Array = np.ndarray
MOST = 16  # filters, and channels, where there are more channels than three


def filters(weights: Any, each: bool = False, most: int = 64) -> Figure:
    """Draw filters (O, C, KH, KW) as pictures.

    Three channels are red, green and blue, and a weight w becomes the colour ½ + w / (2 m): zero
    is grey. One channel is drawn in blue (negative) and orange (positive). Over more channels, the
    slice of filter o for channel c stands in row c and column o.

    m is the largest |w| of all filters, so that weak ones look weak; a filter that training has
    not reached is grey or white noise of small contrast.

    Args:
        weights: an array or tensor; of a model, the weights of its first convolution.
        each: let m be the largest |w| of each filter: its pattern shows, its strength does not.
        most: how many filters are shown at most, the first ones.

    Raises:
        ValueError: the weights have other axes, or the model no convolution.

    Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks,
    2012, figure 3.
    """
    w = _weights(weights)
    O, C, KH, KW = w.shape
    largest = np.abs(w).max(axis=(1, 2, 3), keepdims=True)  # (O, 1, 1, 1)
    scale = largest if each else largest.max()
    relative = w / np.where(scale == 0, 1, scale)  # (O, C, KH, KW), from -1 to 1
    shown = min(O, most if C in (1, 3) else min(most, MOST))
    title = f"{O} filters of {C} × {KH} × {KW}" + (f", the first {shown}" if shown < O else "")
    meaning = "weight / largest of its filter" if each else "weight"

    fig = figure(height=5.2)
    ax = fig.add_subplot()
    columns = int(np.ceil(np.sqrt(shown)))
    if C == 3:
        colours = opaque((1 + relative[:shown]) / 2)
        zero = "grey: weight 0; bright and dark: the largest"
        draw_tiles(ax, colours, columns, title=title, ylabel="first filter of the row")
        ax.set_xlabel(f"{zero}, each filter for itself" if each else zero)
        return fig
    numbers = relative if each else w
    limit = 1.0 if each else float(largest.max()) or 1.0
    if C == 1:
        image = draw_tiles(
            ax,
            numbers[:shown, 0],
            columns,
            title=title,
            ylabel="first filter of the row",
            limit=limit,
        )
    else:
        slices = min(C, MOST)
        image = draw_tiles(
            ax,
            numbers[:shown, :slices].swapaxes(0, 1).reshape(-1, KH, KW),
            shown,
            title=title,
            xlabel="filter",
            ylabel="input channel" + (f", the first {slices}" if slices < C else ""),
            limit=limit,
        )
    colour_bar(fig, image, ax, meaning)
    return fig


def _weights(source: Any) -> Array:
    """The array (O, C, KH, KW) to draw."""
    if isinstance(source, Module):
        found = [layer for layer in source.modules() if isinstance(layer, Conv2d)]
        if not found:
            raise ValueError(f"{type(source).__name__} has no convolution whose filters to draw")
        source = found[0].weight
    w = source.data if isinstance(source, Tensor) else np.asarray(source)
    if w.ndim != 4 or not w.size:
        raise ValueError(
            f"filters have the axes (O, C, KH, KW); these weights have shape {w.shape}"
        )
    return w
