"""Where to put the nodes of a graph without cycles: in rows, every edge leading downwards.

Four steps, each simple: a row for every node; where an edge skips rows, a bend in each of them; an
order within the rows with few crossings; then places, as close under their neighbours as the order
and the widths allow.

Source: Sugiyama, Tagawa and Toda, Methods for Visual Understanding of Hierarchical System
Structures, 1981.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Edge = tuple[int, int]
SWEEPS = 24
BEND = 10.0  # the width of a bend


@dataclass(frozen=True)
class Layout:
    """Where nodes are.

    Attributes:
        row: of each node, from 0 at the top.
        x: of the middle of each node.
        routes: for each edge the points (x, row) it goes through, its ends included.
    """

    row: list[int]
    x: list[float]
    routes: list[list[tuple[float, int]]]


def layered(widths: Sequence[float], edges: Sequence[Edge], gap: float = 24.0) -> Layout:
    """Lay out nodes 0 … n − 1.

    Args:
        widths: of the nodes.
        edges: (above, below), with above < below: nodes are numbered as they were computed.
        gap: what stays free between neighbours in a row.
    """
    count = len(widths)
    row = _rows(count, edges)
    all_rows, all_widths = list(row), list(widths)
    chains: list[list[int]] = []
    for above, below in edges:
        bends = range(len(all_rows), len(all_rows) + row[below] - row[above] - 1)
        all_rows += range(row[above] + 1, row[below])
        all_widths += [BEND] * len(bends)
        chains.append([above, *bends, below])
    steps = [step for chain in chains for step in pairwise(chain)]
    order = _ordered(all_rows, steps)
    x = _placed(order, steps, np.array(all_widths), gap)
    routes = [[(float(x[node]), all_rows[node]) for node in chain] for chain in chains]
    return Layout(row, [float(place) for place in x[:count]], routes)


def _rows(count: int, edges: Sequence[Edge]) -> list[int]:
    """One below the lowest node above it; a node with none above it, one above its first user."""
    row = [0] * count
    for above, below in sorted(edges, key=lambda edge: edge[1]):
        row[below] = max(row[below], row[above] + 1)
    fed = {below for _, below in edges}
    for node in set(range(count)) - fed:
        users = [row[below] for above, below in edges if above == node]
        row[node] = min(users, default=1) - 1
    return row


def _neighbours(count: int, steps: Sequence[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    """The nodes above each node, and those below."""
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for first, second in steps:
        above[second].append(first)
        below[first].append(second)
    return above, below


def _ordered(rows: Sequence[int], steps: Sequence[Edge]) -> list[list[int]]:
    """The nodes of each row from left to right, with the fewest crossings that were met.

    Down and up again, each row is sorted by the mean place of the neighbours in the row before.
    """
    order: list[list[int]] = [[] for _ in range(max(rows, default=-1) + 1)]
    for node, row in enumerate(rows):
        order[row].append(node)
    above, below = _neighbours(len(rows), steps)
    best, fewest = [list(nodes) for nodes in order], _crossings(order, below)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for nodes in order if down else reversed(order):
            place = {node: k for others in order for k, node in enumerate(others)}
            beside = above if down else below

            def mean(node: int, place: dict[int, int] = place, beside: Any = beside) -> float:
                near = [place[other] for other in beside[node]]
                return sum(near) / len(near) if near else place[node]

            nodes.sort(key=mean)
        crossings = _crossings(order, below)
        if crossings < fewest:
            best, fewest = [list(nodes) for nodes in order], crossings
    return best


def _crossings(order: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    """How many pairs of steps from one row to the next cross."""
    total = 0
    for upper, lower in pairwise(order):
        place = {node: k for k, node in enumerate(lower)}
        ends = [(k, place[end]) for k, node in enumerate(upper) for end in below[node]]
        total += sum((a - c) * (b - d) < 0 for k, (a, b) in enumerate(ends) for c, d in ends[:k])
    return total


def _placed(
    order: Sequence[Sequence[int]], steps: Sequence[Edge], widths: np.ndarray, gap: float
) -> np.ndarray:
    """The x of each node: down and up, each row goes as near as it can to its neighbours' mean."""
    above, below = _neighbours(len(widths), steps)
    x = np.zeros(len(widths))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for nodes in order if down else reversed(order):
            near = [(above if down else below)[node] or [node] for node in nodes]
            wish = np.array([np.mean(x[others]) for others in near])
            x[nodes] = _spread(wish, widths[nodes], gap)
    return x - min((x - widths / 2), default=0.0)


def _spread(wish: np.ndarray, widths: np.ndarray, gap: float) -> np.ndarray:
    """The places nearest to those wished for, Σ (place − wish)² least, with `gap` between them.

    With the space that the nodes to the left need taken off, places may not fall from left to
    right. Where wishes do, those concerned meet at their mean (pool adjacent violators).
    """
    needed = np.concatenate([[0.0], np.cumsum((widths[:-1] + widths[1:]) / 2 + gap)])
    pools: list[tuple[float, int]] = []  # mean, and of how many
    for value in wish - needed:
        mean, size = float(value), 1
        while pools and pools[-1][0] > mean:
            other, more = pools.pop()
            mean, size = (mean * size + other * more) / (size + more), size + more
        pools.append((mean, size))
    return needed + np.repeat([mean for mean, _ in pools], [size for _, size in pools])
