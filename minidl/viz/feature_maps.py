"""What a layer makes of an image."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minidl.autograd import no_grad
from minidl.nn import Module
from minidl.viz.inside import at_rest, maps, one_image, outputs
from minidl.viz.style import figure, show_image
from minidl.viz.tiles import colour_bar, draw_tiles, stretched


def feature_maps(
    model: Module, image: Any, layer: str, each: bool = False, most: int = 64
) -> Figure:
    """Draw the maps of one layer for one image, the image beside them.

    All maps share one scale, so that a channel which hardly responds looks so.

    Args:
        model: runs in evaluation mode; nothing in it changes.
        image: (C, H, W), scaled as the model takes it.
        layer: its dotted name, such as "layer2.0.conv1".
        each: divide every map by its largest |number|: its pattern shows, its strength does not.
        most: how many maps are shown at most, the first ones.

    Raises:
        ValueError: there is no such layer, or it returns no maps; the message lists those that do.
    """
    batch = one_image(model, image)
    with at_rest(model), no_grad():
        found, _ = maps(outputs(model, batch), layer)
    C, H, W = found.shape[1:]
    shown = found.data[0, :most]
    if each:
        largest = np.abs(shown).max(axis=(1, 2), keepdims=True)
        shown = shown / np.where(largest == 0, 1, largest)

    fig = figure(width=8.0, height=4.8)
    left, right = fig.subplots(1, 2, width_ratios=[1, 3])
    show_image(left, stretched(batch[0]), "image")
    title = f"{layer}: {C} maps of {H} × {W}"
    picture = draw_tiles(
        right,
        shown,
        int(np.ceil(np.sqrt(len(shown)))),
        title=title + (f", the first {most}" if most < C else ""),
        ylabel="first channel of the row",
    )
    meaning = "activation / largest of its map" if each else "activation"
    colour_bar(fig, picture, right, meaning)
    return fig
