"""What a classifier takes for what."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from minidl.viz.style import BLUE, GREY, INK, LIGHT, ORANGE, TICK, dress, figure, name

WRITE_UP_TO = 25  # with more classes than this, numbers in the cells would be too small to read


def confusion_matrix(matrix: np.ndarray, classes: Sequence[str] = ()) -> Figure:
    """Draw a confusion matrix so that the mistakes stand out.

    A mistake's cell is the darker the larger its share of its row (all images of the true class);
    the colour scale ends at the largest such share. The diagonal, what was right, is blue.

    Args:
        matrix: (K, K) counts; [i, j] is how many images of class i were called j.
        classes: K names; numbers are used if there are none.
    """
    K = len(matrix)
    images = matrix.sum(axis=1, keepdims=True)  # (K, 1)
    share = matrix / np.maximum(images, 1)  # (K, K)
    mistakes = share * (1 - np.eye(K))
    largest = max(float(mistakes.max()), 1e-9)

    small = K <= WRITE_UP_TO
    size = max(5.2, 1.6 + 0.52 * K) if small else 8.0
    fig = figure(width=size + 0.4, height=size)
    ax = fig.add_subplot()
    reds = LinearSegmentedColormap.from_list("mistakes", ["#FFFFFF", ORANGE])
    blues = LinearSegmentedColormap.from_list("right", ["#FFFFFF", BLUE])
    colours = reds(Normalize(0, largest)(mistakes))  # (K, K, 4)
    diagonal = np.arange(K)
    colours[diagonal, diagonal] = blues(0.15 + 0.45 * share[diagonal, diagonal])
    ax.imshow(colours, interpolation="nearest")

    right, total = int(np.trace(matrix)), int(matrix.sum())
    percent = f"{right / total:.2%}".replace("%", " %") if total else "nothing"
    dress(ax, f"{right:,} of {total:,} right ({percent})", "predicted class", "true class")
    ax.grid(False)
    ax.spines[:].set_visible(False)
    if not small:
        return fig  # neither names nor numbers would be legible
    names = [name(classes, i) for i in range(K)]
    long = max(map(len, names)) > 3
    ax.set_xticks(diagonal, names, rotation=45 if long else 0, ha="right" if long else "center")
    ax.set_yticks(diagonal, names)
    ax.tick_params(length=0)
    ax.set_xticks(np.arange(K + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(K + 1) - 0.5, minor=True)
    ax.grid(True, which="minor", color=LIGHT, linewidth=1)
    ax.tick_params(which="minor", length=0)
    for i, j in zip(*np.nonzero(matrix), strict=True):
        strong = i != j and mistakes[i, j] > 0.6 * largest
        ax.text(
            j,
            i,
            f"{matrix[i, j]:,}",
            ha="center",
            va="center",
            fontsize=TICK,
            color="white" if strong else INK,
            fontweight="bold" if strong else "normal",
        )
    if right < total:
        scale = f"a mistake is coloured by its share of its row; the darkest is {largest:.1%}"
        fig.supxlabel(scale.replace("%", " %"), fontsize=TICK, color=GREY)
    return fig
