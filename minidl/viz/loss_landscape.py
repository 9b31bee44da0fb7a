"""The loss around a trained network, along random directions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle, product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from rich.console import Console
from rich.progress import track

from minidl import functional as F
from minidl.autograd import no_grad
from minidl.nn import Module
from minidl.tensor import Tensor
from minidl.viz.inside import at_rest
from minidl.viz.style import COLOURS, INK, ORANGE, TICK, dress, figure
from minidl.viz.tiles import UNSIGNED

Array = np.ndarray
Batches = Iterable[tuple[Array, Array]]
DASHES = ("-", "--", "-.", ":")
LEVELS = 15  # colours of a plane


@dataclass(frozen=True)
class Landscape:
    """Losses around a network.

    Attributes:
        steps: (S,), how far along each direction; 1 is as far as the weights are from zero.
        losses: (S,) at θ + steps[i] · δ, or (S, S) at θ + steps[i] · δ + steps[j] · η.
    """

    steps: Array
    losses: Array


def loss_landscape_values(
    model: Module,
    batches: Batches,
    loss: Callable[[Tensor, Array], Tensor] = F.cross_entropy,
    *,
    dimensions: int = 2,
    span: float = 1.0,
    points: int = 21,
    seed: int = 0,
    progress: bool = True,
) -> Landscape:
    """Measure the loss along one or two random directions through the weights θ.

        f(a, b) = L(θ + a·δ + b·η)       δ[i] ← δ[i] · ‖θ[i]‖ / ‖δ[i]‖ for every filter i

    δ and η are drawn from a normal distribution and scaled filter by filter. A network with ReLU
    computes the same if one layer's filters are doubled and the next one's halved, so a plain step
    would look large to the one network and small to the other; a step of a share of each filter
    looks the same to both. A neuron of a linear layer is a filter here.

    Parameters with fewer than two axes, biases and those of norms, stay, and batch norm keeps its
    running statistics, those of θ, as in the paper's code: the networks are run in evaluation mode,
    so a point does not depend on how the images are cut into batches.

    Args:
        model: θ is put back at the end, also after Ctrl-C.
        batches: (images, labels), gone through once for each point: a list, or a loader.
        loss: (logits, labels) → mean loss of the batch.
        dimensions: 1 for a line, 2 for a plane.
        span: the steps run from −span to span.
        points: how many steps; an odd number has θ itself among them.
        seed: of the directions.
        progress: show a bar where the output is a terminal or a notebook.

    Raises:
        ValueError: other dimensions than 1 and 2, no images, or batches that can be read only once.

    Source: Li, Xu, Taylor, Studer and Goldstein, Visualizing the Loss Landscape of Neural Nets,
    2018, section 4.
    """
    if dimensions not in (1, 2):
        raise ValueError(f"a landscape has 1 or 2 dimensions, not {dimensions}")
    if iter(batches) is batches:
        raise ValueError(
            "the batches are gone through at every point, but these can be read only once; "
            "give list(batches)"
        )
    parameters = list(model.parameters())
    origin = [parameter.data for parameter in parameters]
    rng = np.random.default_rng(seed)
    directions = [_direction(origin, rng) for _ in range(dimensions)]
    steps = np.linspace(-span, span, points)
    losses = np.empty((points,) * dimensions)
    console = Console()
    shown = progress and (console.is_terminal or console.is_jupyter)
    places = track(
        list(product(range(points), repeat=dimensions)),
        "loss landscape",
        console=console,
        transient=True,
        disable=not shown,
    )
    try:
        with at_rest(model), no_grad():
            for place in places:
                for k, parameter in enumerate(parameters):
                    moves = (
                        steps[i] * direction[k]
                        for i, direction in zip(place, directions, strict=True)
                    )
                    parameter.data = sum(moves, origin[k]).astype(origin[k].dtype)
                losses[place] = _mean_loss(model, batches, loss)
    finally:
        for parameter, array in zip(parameters, origin, strict=True):
            parameter.data = array
    return Landscape(steps, losses)


def loss_landscape(landscapes: Landscape | Mapping[str, Landscape]) -> Figure:
    """Draw the loss along a line, or in a plane as lines of equal loss.

    Losses are on a logarithmic scale, which all networks of a picture share, so that one can
    compare how steep and how rough their surroundings are. The cross is θ, where training ended.

    Args:
        landscapes: one from `loss_landscape_values`, or several by the networks' names.

    Raises:
        ValueError: there are none, or lines and planes are mixed.
    """
    named = {"": landscapes} if isinstance(landscapes, Landscape) else dict(landscapes)
    if len({landscape.losses.ndim for landscape in named.values()}) != 1:
        raise ValueError("give landscapes that are all lines or all planes, at least one")
    along = "step along direction 1 (1 = norm of each filter)"
    if next(iter(named.values())).losses.ndim == 1:
        fig = figure()
        ax = fig.add_subplot()
        styles = zip(cycle(COLOURS), cycle(DASHES), strict=False)
        for (label, landscape), (colour, line) in zip(named.items(), styles, strict=False):
            ax.plot(landscape.steps, landscape.losses, line, color=colour, linewidth=2, label=label)
        dress(ax, "Loss along a random direction", along, "loss (logarithmic axis)")
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("")
        if any(named):
            ax.legend(fontsize=TICK, frameon=False, labelcolor=INK)
        return fig

    finite = np.concatenate([_finite(landscape.losses) for landscape in named.values()])
    low, high = np.log10(finite.min()), np.log10(finite.max())
    levels = np.logspace(low, high if high > low else low + 1, LEVELS + 1)
    fig = figure(width=3.6 * len(named) + 1.4, height=4.2)
    axes = fig.subplots(1, len(named), squeeze=False, sharey=True)[0]
    for ax, (label, landscape) in zip(axes, named.items(), strict=True):
        _draw_plane(ax, landscape, levels)
        dress(ax, label or "Loss around the trained weights", along)
        ax.grid(False)
        ax.set_xlabel("step along direction 1")
    axes[0].set_ylabel("step along direction 2")
    mappable = axes[-1].collections[0]
    bar = fig.colorbar(mappable, ax=axes[-1], ticks=levels[:: LEVELS // 5], format="%.3g", pad=0.02)
    bar.set_label("loss (logarithmic)", fontsize=TICK, color=INK)
    fig.supxlabel("a step of 1 is as long as each filter", fontsize=TICK)
    return fig


def _direction(weights: list[Array], rng: np.random.Generator) -> list[Array]:
    """A random array for each of the weights, every filter as long as theirs; zero for vectors."""
    direction = []
    for theta in weights:
        delta = rng.standard_normal(theta.shape)  # drawn for vectors too: simple, and harmless
        axes = tuple(range(1, theta.ndim))
        if not axes:
            delta[...] = 0.0
        else:
            length, own = (np.sqrt((a**2).sum(axis=axes, keepdims=True)) for a in (theta, delta))
            delta *= length / own
        direction.append(delta)
    return direction


def _mean_loss(model: Module, batches: Batches, loss: Callable[[Tensor, Array], Tensor]) -> float:
    """Over all images."""
    total, count = 0.0, 0
    for images, labels in batches:
        total += loss(model(images), labels).item() * len(labels)
        count += len(labels)
    if not count:
        raise ValueError("there are no images to measure the loss on: the batches are empty")
    return total / count


def _finite(losses: Array) -> Array:
    """The losses a logarithmic scale can hold."""
    return losses[np.isfinite(losses) & (losses > 0)]


def _draw_plane(ax: Axes, landscape: Landscape, levels: Array) -> None:
    """Areas and lines of equal loss, and a cross at θ."""
    across = landscape.losses.T  # matplotlib has the first axis upwards
    colours = LogNorm(levels[0], levels[-1])
    steps = landscape.steps
    ax.contourf(steps, steps, across, levels, cmap=UNSIGNED, norm=colours)
    ax.contour(steps, steps, across, levels, colors="white", linewidths=0.5, alpha=0.6)
    ax.plot(0, 0, "+", color=ORANGE, markersize=14, markeredgewidth=2.5)
    ax.set_aspect("equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4))
