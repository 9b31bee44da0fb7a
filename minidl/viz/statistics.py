"""How large activations, gradients and steps were during training, layer by layer."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from minidl.viz.style import GREY, INK, LABEL, TICK, TITLE, dress, figure
from minidl.viz.tiles import UNSIGNED, colour_bar

Array = np.ndarray
HEALTHY = 1e-3  # of the weights is what a step should change, about
NAMED = 10  # so many lines have names; of more layers only some are written
PANELS = (
    ("activation_std", "Activations", "standard deviation of the output"),
    ("gradient_norm", "Gradients", "norm of ∂loss/∂weights"),
    ("update_ratio", "Steps (dotted: 1/1000)", "norm of the step / norm of the weights"),
)
SPREADS = {
    "activation": ("Magnitude of the activations", "|activation|"),
    "gradient": ("Magnitude of the gradients", "|∂loss/∂weight|"),
    "update": ("Magnitude of the steps", "|step| / rms of the weights"),
}


def statistics(table: Mapping[str, Any]) -> Figure:
    """Draw how large activations, gradients and steps were, with a line for each layer.

    What to look for: lines that part from layer to layer, or run to zero or to infinity. A step of
    about a thousandth of the weights, the dotted line, is usual.

    Args:
        table: "layers", L names, first to last; "steps" (S,); "activation_std", "gradient_norm" and
            "update_ratio" (S, L), where NaN is not drawn. `minidl.train.Statistics.table()` is such
            a table.

    Raises:
        ValueError: nothing was measured.
    """
    layers, steps = _measured(table)
    fig = figure(width=7.6, height=6.4)
    *axes, corner = fig.subplots(2, 2).flat
    colours = colormaps[UNSIGNED](np.linspace(0, 0.9, len(layers)))
    written = set(np.linspace(0, len(layers) - 1, min(len(layers), NAMED)).astype(int))
    marker = "o" if len(steps) == 1 else ""  # one point makes no line
    for ax, (column, title, ylabel) in zip(axes, PANELS, strict=True):
        values = np.asarray(table[column], float)
        visible = np.where(values > 0, values, np.nan)  # a logarithmic axis has no zero
        for k, (name, colour) in enumerate(zip(layers, colours, strict=True)):
            label = name if k in written else "_"
            ax.plot(steps, visible[:, k], color=colour, linewidth=1.8, marker=marker, label=label)
        dress(ax, title, "step", ylabel)
        if np.isfinite(visible).any():
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(numticks=8))
            ax.yaxis.set_minor_formatter(NullFormatter())
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes[-1].axhline(HEALTHY, color=GREY, linestyle=":", linewidth=1.5)
    corner.set_axis_off()
    corner.legend(
        *axes[0].get_legend_handles_labels(),
        loc="center",
        title="layer",
        fontsize=TICK,
        frameon=False,
        labelcolor=INK,
    )
    return fig


def histograms(
    table: Mapping[str, Any],
    of: Literal["activation", "gradient", "update"] = "activation",
    most: int = 12,
) -> Figure:
    """Draw how the numbers of each layer were spread, over the steps of the training.

    A column is one step: the brighter, the larger the share of the layer's numbers that have this
    magnitude. The lowest bin holds zeros too, so a layer of dead ReLUs is bright at the bottom.

    Args:
        table: "layers", L names; "steps" (S,); "{of}_histogram" (S, L, B) counts of magnitudes and
            "edges" (B − 1,) between the bins, as from `minidl.train.Statistics.table()`.
        of: the activations; the gradients of the weights; or the steps of the weights, compared
            with the root mean square of the layer's weights.
        most: how many layers are shown at most, evenly spread over the network.

    Raises:
        ValueError: nothing was measured, or `of` is another word.
    """
    if of not in SPREADS:
        raise ValueError(f"of is one of {', '.join(SPREADS)}, not {of!r}")
    title, ylabel = SPREADS[of]
    layers, steps = _measured(table)
    counts = np.asarray(table[f"{of}_histogram"], float)  # (S, L, B)
    share = counts / np.maximum(counts.sum(axis=2, keepdims=True), 1)
    edges = np.log10(np.asarray(table["edges"], float))
    shown = np.unique(np.linspace(0, len(layers) - 1, min(len(layers), most)).round().astype(int))
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    fig = figure(width=2.0 * columns + 1.6, height=1.9 * rows + 1.0)
    axes = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    fig.suptitle(title, fontsize=TITLE, color=INK, x=0.01, ha="left")
    largest = share[:, shown].max() or 1.0
    for ax, k in zip(axes.flat, shown, strict=False):
        image = _draw_histograms(ax, steps, edges, share[:, k], largest)
        dress(ax, layers[k])
        ax.grid(False)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    for ax in axes.flat[max(0, len(shown) - columns) : len(shown)]:
        ax.tick_params(labelbottom=True)  # also above a cell that stays empty
    fig.supxlabel("step", fontsize=LABEL, color=INK)
    fig.supylabel(f"log10 of {ylabel}", fontsize=LABEL, color=INK)
    colour_bar(fig, image, list(axes.flat), "share of the layer's numbers")
    return fig


def _measured(table: Mapping[str, Any]) -> tuple[Sequence[str], Array]:
    """The names of the layers and the steps, if there are any."""
    layers, steps = table["layers"], np.asarray(table["steps"])
    if not len(layers) or not len(steps):
        raise ValueError(
            f"nothing was measured: the table has {len(layers)} layers and {len(steps)} steps"
        )
    return layers, steps


def _draw_histograms(ax: Axes, steps: Array, edges: Array, share: Array, largest: float) -> Any:
    """One layer's share (S, B): steps to the right, magnitudes upwards.

    The first bin and the last have no end; they are drawn as wide as their neighbours.
    """
    ends = [2 * edges[0] - edges[1], *edges, 2 * edges[-1] - edges[-2]]
    half = np.diff(steps) / 2
    first, last = (half[0], half[-1]) if len(half) else (0.5, 0.5)
    sides = np.concatenate([[steps[0] - first], steps[:-1] + half, [steps[-1] + last]])
    ax.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    return ax.pcolormesh(sides, ends, share.T, cmap=UNSIGNED, vmin=0, vmax=largest)
