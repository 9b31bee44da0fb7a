"""What dropout, channel dropout and drop-path take away."""

import numpy as np
from matplotlib.figure import Figure

from minidl import functional as F
from minidl import random
from minidl.viz.style import TICK, figure
from minidl.viz.tiles import draw_tiles

Array = np.ndarray
FUNCTIONS = {"dropout": F.dropout, "dropout2d": F.dropout2d, "drop_path": F.drop_path}
WHAT = {"dropout": "single numbers", "dropout2d": "whole maps", "drop_path": "whole images"}


def dropout_mask(
    kind: str, shape: tuple[int, int, int, int] = (4, 4, 8, 8), p: float = 0.5, seed: int = 0
) -> Array:
    """What ones become in training: 0 with probability p, else 1 / (1 − p).

    Args:
        kind: "dropout", "dropout2d" or "drop_path".
        shape: (N, C, H, W).
        p: the probability to drop a number, a map or an image.
        seed: of the chance; minidl's own generator goes on as if nothing had been drawn.

    Returns:
        The mask, of `shape`.

    Raises:
        ValueError: there is no such kind.

    Source: Srivastava et al., 2014; Tompson et al., 2015; Huang et al., 2016.
    """
    if kind not in FUNCTIONS:
        raise ValueError(f"there are the kinds {', '.join(FUNCTIONS)}, not {kind!r}")
    before = random.get_state()
    try:
        random.manual_seed(seed)
        return FUNCTIONS[kind](np.ones(shape, np.float32), p, True).data
    finally:
        random.set_state(before)


def dropout_masks(
    shape: tuple[int, int, int, int] = (4, 4, 8, 8), p: float = 0.5, seed: int = 0
) -> Figure:
    """Draw what three ways to drop leave of a batch of ones, side by side.

    Args:
        shape, p, seed: as for `dropout_mask`.
    """
    N, C, H, W = shape
    fig = figure(width=7.6, height=3.9)
    for ax, kind in zip(fig.subplots(1, 3), FUNCTIONS, strict=True):
        mask = dropout_mask(kind, shape, p, seed)
        draw_tiles(
            ax,
            mask.reshape(N * C, H, W),
            C,
            title=f"{kind}:\n{WHAT[kind]}",
            xlabel="channel",
            ylabel="image" if kind == "dropout" else " ",
            limit=1 / (1 - p),
        )
        dropped = f"{(mask == 0).mean():.0%}".replace("%", " %")
        ax.set_xlabel(f"channel\n{dropped} dropped")
    fig.supxlabel(f"p = {p:g}; dark: 0, bright: 1 / (1 - p) = {1 / (1 - p):.3g}", fontsize=TICK)
    return fig
