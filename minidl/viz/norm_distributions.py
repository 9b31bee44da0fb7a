"""What a normalisation layer does to the numbers of each channel."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minidl import functional as F
from minidl import random
from minidl.autograd import no_grad
from minidl.nn import BatchNormReLU2d, Module
from minidl.tensor import Tensor
from minidl.viz.inside import as_batch
from minidl.viz.style import BLUE, INK, ORANGE, TITLE, dress, figure

Array = np.ndarray
MOST = 16  # channels in a picture


def norm_values(
    model: Module, images: Any, layer: str, training: bool = True
) -> tuple[Array, Array]:
    """What a normalisation layer is given and what it makes of it, channel by channel.

    Args:
        model: its mode, its running statistics and minidl's random numbers are put back.
        images: (N, C, H, W), scaled as the model takes them.
        layer: the dotted name of a layer that returns the shape it takes. Of a fused batch norm
            and ReLU the part before the ReLU is taken, without a shortcut.
        training: normalise by the statistics of these images, as in training; False: by the
            running ones. A frozen batch norm takes the running ones either way.

    Returns:
        before (C, M) and after (C, M), where M counts images and places.

    Raises:
        ValueError: there is no such layer, or it is no normalisation; the message lists layers.
    """
    named = dict(model.named_modules())
    if layer not in named:
        norms = ", ".join(name for name, kind in named.items() if "Norm" in type(kind).__name__)
        raise ValueError(
            f"{type(model).__name__} has no layer {layer!r}; its norms: {norms or 'none'}"
        )
    seen: list[tuple[Tensor, Tensor]] = []

    def watch(module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        x = inputs[0]
        if isinstance(module, BatchNormReLU2d):
            x = F.concatenate(x, axis=1) if isinstance(x, list | tuple) else x
            batch = module.follows
            mean, var = (None, None) if batch else (module.running_mean, module.running_var)
            output = F.batch_norm(x, mean, var, module.weight, module.bias, batch, 0.0, module.eps)
        seen.append((x, output))

    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.copy()) for buffer in model.buffers()]
    chance = random.get_state()
    handle = named[layer].register_forward_hook(watch)
    try:
        with no_grad():
            model.train(training)(as_batch(model, images))
    finally:
        handle.remove()
        random.set_state(chance)
        for module, mode in modes:
            module.training = mode
        for buffer, numbers in buffers:
            buffer[...] = numbers
    if not seen:
        raise ValueError(f"layer {layer!r} of {type(model).__name__} did not run")
    x, y = seen[-1]
    if x.shape != y.shape:
        raise ValueError(
            f"layer {layer!r} takes shape {x.shape} and returns {y.shape}; a normalisation keeps it"
        )
    return _by_channel(x.data), _by_channel(y.data)


def norm_distributions(model: Module, images: Any, layer: str, training: bool = True) -> Figure:
    """Draw each channel's numbers before and after a normalisation layer.

    A box holds the middle half of a channel's numbers, its line is the median, and the whiskers end
    where 5 % are beyond them on either side.

    Args:
        model, images, layer, training: as for `norm_values`.
    """
    values = norm_values(model, images, layer, training)
    C = len(values[0])
    fig = figure(width=8.0, height=3.8)
    kind = type(dict(model.named_modules())[layer]).__name__  # a Sequential's layers are numbers
    first = f", the first {MOST} of {C} channels" if C > MOST else ""
    fig.suptitle(f"{layer} ({kind}){first}", fontsize=TITLE, color=INK, x=0.01, ha="left")
    for ax, part, title, colour in zip(
        fig.subplots(1, 2), values, ("before", "after"), (ORANGE, BLUE), strict=True
    ):
        _draw_boxes(ax, part[:MOST], colour)
        mean, spread = part.mean(axis=1), part.std(axis=1)
        dress(
            ax,
            f"{title}: means {_rounded(mean.min())} … {_rounded(mean.max())},\n"
            f"standard deviations {_rounded(spread.min())} … {_rounded(spread.max())}",
            "channel",
            "value",
        )
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return fig


def _by_channel(x: Array) -> Array:
    """(C, M) from (N, C), (N, C, H, W), or (N, L, C)."""
    return np.moveaxis(x, 2 if x.ndim == 3 else 1, 0).reshape(x.shape[2 if x.ndim == 3 else 1], -1)


def _rounded(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # + 0.0 makes -0.0 zero


def _draw_boxes(ax: Axes, values: Array, colour: str) -> None:
    """A box for each row of values (C, M)."""
    ax.boxplot(
        list(values),
        positions=range(len(values)),
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        widths=0.6,
        boxprops={"facecolor": colour, "edgecolor": INK, "alpha": 0.7},
        medianprops={"color": "white", "linewidth": 2},
        whiskerprops={"color": INK},
        capprops={"color": INK},
        manage_ticks=False,
    )
