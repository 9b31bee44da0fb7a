"""Many features in two dimensions: principal components."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from minidl.viz.style import COLOURS, LABEL, dress, figure, name

Array = np.ndarray

MARKERS = "os^Dv*P"  # which go on where the colours begin anew
WRITE_UP_TO = 20  # with more classes than this, their names would cover the points


def principal_components(features: Array, count: int = 2) -> tuple[Array, Array]:
    """The directions in which features differ most, and each sample's place along them.

        X = features − their mean = U · diag(s) · Vᵀ           (the singular value decomposition)
        Z = X · V[:, :count]            share[k] = s[k]² / Σ_j s[j]²

    A direction's sign means nothing; here its largest entry is positive.

    Args:
        features: (N, F), or (N, …), which is flattened.
        count: how many directions.

    Returns:
        Z (N, count), and share (count,): how much of the variance lies along each direction.

    Raises:
        ValueError: there are fewer samples or features than directions.

    Source: Pearson, On lines and planes of closest fit, 1901.
    """
    flat = np.asarray(features, np.float64).reshape(len(features), -1)
    if min(flat.shape) < count:
        raise ValueError(
            f"{flat.shape[0]} samples of {flat.shape[1]} features have at most "
            f"{min(flat.shape)} principal components, not {count}"
        )
    X = flat - flat.mean(axis=0)
    _, s, Vt = np.linalg.svd(X, full_matrices=False)
    directions = Vt[:count]  # (count, F)
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    directions = directions * np.where(largest < 0, -1, 1)
    variance = (s**2).sum()
    return X @ directions.T, s[:count] ** 2 / (variance or 1.0)


def embedding(features: Array, labels: Array, classes: Sequence[str] = ()) -> Figure:
    """Draw samples where their first two principal components put them, coloured by class.

    What lies together in two dimensions may lie far apart in all: the axes say how much of the
    variance is seen.

    Args:
        features: (N, F), such as what the layer before the classifier returns for N images.
        labels: (N,), whole numbers.
        classes: names; numbers are used if there are none.

    Raises:
        ValueError: as `principal_components`, or there is not one label for each sample.
    """
    labels = np.asarray(labels)
    if labels.shape != (len(features),):
        raise ValueError(f"{len(features)} samples need as many labels, not shape {labels.shape}")
    Z, share = principal_components(features)
    fig = figure(height=5.2)
    ax = fig.add_subplot()
    shown = np.unique(labels)
    for k, label in enumerate(shown):
        place = Z[labels == label]
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k // len(COLOURS) % len(MARKERS)]
        ax.scatter(
            place[:, 0], place[:, 1], s=14, color=colour, marker=marker, alpha=0.6, linewidth=0
        )
        if len(shown) <= WRITE_UP_TO:
            x, y = np.median(place, axis=0)
            ax.text(
                x,
                y,
                name(classes, label),
                fontsize=LABEL + 2,
                fontweight="bold",
                color=colour,
                ha="center",
                va="center",
                path_effects=[withStroke(linewidth=4, foreground="white")],
            )
    seen = f"{share.sum():.0%}".replace("%", " %")
    title = f"{len(labels):,} samples; two dimensions hold {seen} of the variance"
    first, second = (f"{part:.1%} of the variance".replace("%", " %") for part in share)
    dress(ax, title, f"component 1 ({first})", f"component 2 ({second})")
    return fig
