"""What models cost: their parameters against the work for one image."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import EngFormatter, LogLocator
from matplotlib.transforms import Bbox

from minidl.viz.style import BLUE, GREY, INK, TICK, dress, figure

LARGEST, SMALLEST = 1600.0, 16.0  # areas of bubbles, in square points
GAP = 2.0  # points around a bubble that stay free
AWAY = (4.0, 14.0, 26.0, 40.0, 56.0)  # points between a bubble and its name, the first that serves
DIRECTIONS = 16  # in which a name is tried


def costs(
    names: Sequence[str],
    parameters: Sequence[int],
    macs: Sequence[int],
    memory: Sequence[int] = (),
) -> Figure:
    """Draw a bubble for each model: to the right more work, upwards more parameters.

    Both axes are logarithmic. How well a model does its work is not in the picture.

    Args:
        names: of the models.
        parameters: how many each has.
        macs: multiply-accumulates each takes for one image.
        memory: bytes of activations for one image, which the bubbles' areas show; without it they
            are all alike.
    """
    fig = figure(width=8.0, height=5.4)
    ax = fig.add_subplot()
    areas = np.full(len(names), 4 * SMALLEST)
    if len(memory):
        areas = np.maximum(LARGEST * np.asarray(memory) / max(memory), SMALLEST)
        largest = f"area: activations for one image, at most {max(memory) / 2**20:,.1f} MiB"
        fig.supxlabel(largest, fontsize=TICK, color=GREY)
    ax.scatter(macs, parameters, s=areas, color=BLUE, alpha=0.45, edgecolor=BLUE, linewidth=1)
    dress(ax, "What the models cost", "multiply-accumulates for one image", "parameters")
    ax.set(xscale="log", yscale="log", xlim=_limits(macs), ylim=_limits(parameters))
    for axis, numbers in ((ax.xaxis, macs), (ax.yaxis, parameters)):
        wide = max(numbers) > 1000 * min(numbers)
        axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        axis.set_major_formatter(EngFormatter(sep=" "))
        axis.set_minor_formatter("")
    fig.draw_without_rendering()  # from now on it is known where things are
    _write_names(ax, names, np.column_stack([macs, parameters]), np.sqrt(areas / math.pi))
    return fig


def _limits(numbers: Sequence[int]) -> tuple[float, float]:
    """Around the numbers, with room for bubbles and names."""
    low, high = min(numbers), max(numbers)
    room = max((high / low) ** 0.2, 2.0)
    return low / room, high * room


def _write_names(ax: Axes, names: Sequence[str], places: np.ndarray, radii: np.ndarray) -> None:
    """Write each name near its bubble where it covers least; a line leads to one further away.

    Args:
        places: (n, 2), the bubbles' centres on the axes.
        radii: (n,), of the bubbles, in points.
    """
    point = ax.figure.dpi / 72  # pixels
    centres = ax.transData.transform(places)
    taken = [
        Bbox.from_extents(*(centre - radius), *(centre + radius)).padded(GAP * point)
        for centre, radius in zip(centres, radii[:, None] * point, strict=True)
    ]
    for k in np.lexsort(places.T):
        note = ax.annotate(
            names[k],
            tuple(places[k]),
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=TICK,
            color=INK,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.8, "shrinkB": radii[k]},
        )
        note.set_in_layout(False)
        half = np.divide(Text.get_window_extent(note).size, 2)  # of the words, without the line
        written = Bbox([centres[k] - half, centres[k] + half])
        others = taken[:k] + taken[k + 1 :]
        choices = [
            [
                written.translated(*offset),
                *(_line(centres[k], centres[k] + offset) if away > AWAY[0] else []),
            ]
            for away in AWAY
            for offset in _around(written, (radii[k] + away) * point)
        ]
        best = min(choices, key=lambda boxes: _covered(boxes, others, ax.bbox))
        x, y = np.subtract(best[0].min, written.min) / point
        note.set_position((x, y))
        if note.arrow_patch is not None:
            note.arrow_patch.set_visible(len(best) > 1)
        taken += best


def _around(box: Bbox, distance: float) -> list[tuple[float, float]]:
    """Where to move a box's centre from a point so that it lies at a distance, in all directions.

    To the right first, as one reads.
    """
    offsets = []
    for step in range(DIRECTIONS):
        x, y = (f(2 * math.pi * step / DIRECTIONS) for f in (math.cos, math.sin))
        offsets.append((x * (distance + box.width / 2), y * (distance + box.height / 2)))
    return offsets


def _line(start: np.ndarray, end: np.ndarray) -> list[Bbox]:
    """The line from a bubble to its name as a row of small boxes."""
    steps = np.linspace(0.2, 0.8, 10)[:, None]
    return [Bbox([place - 4, place + 4]) for place in start + steps * (end - start)]


def _covered(boxes: list[Bbox], others: list[Bbox], frame: Bbox) -> float:
    """How many square pixels of `others`, and of what is outside the frame, the boxes cover."""
    own = np.array([box.extents for box in boxes])[:, None]  # (n, 1, 4): left, low, right, high
    shared = _areas(own, np.array([box.extents for box in others])).sum() if others else 0.0
    return float(shared + (_areas(own, own) - _areas(own, np.array(frame.extents))).sum())


def _areas(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The area that is inside both of two boxes (…, 4), for every pair."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.maximum(sides, 0).prod(axis=-1)
