"""The graph of a computation as a drawing: every op a box, every array between them an arrow."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from minidl import scope
from minidl.autograd import Op, observe
from minidl.errors import GraphError
from minidl.nn import Module, Parameter
from minidl.shapes import shapes_only
from minidl.tensor import Tensor
from minidl.viz.graph_layout import layered
from minidl.viz.inside import at_rest
from minidl.viz.style import BLUE, GREY, INK, ORANGE

LINE, PAD, GAP = 17, 8, 30  # pixels: a line of text, around the text, between two rows
LETTER, BOLD = 7.4, 8.6  # pixels a letter takes at 13 pixels' size, about


@dataclass(frozen=True)
class Node:
    """A box: an op, or a tensor that no op made.

    Attributes:
        name: of the op's class; of a tensor, its name or "tensor".
        shape: of what it returns or is.
        layer: the dotted name of the layer it ran in; empty outside of layers.
        parameters: those it was given, each a text of name and shape.
        is_op: whether it is an op.
    """

    name: str
    shape: tuple[int, ...]
    layer: str = ""
    parameters: tuple[str, ...] = ()
    is_op: bool = True

    @property
    def lines(self) -> list[str]:
        """The text in the box, without the parameters."""
        return [self.name + (f" · {self.layer}" if self.layer else ""), _written(self.shape)]


@dataclass(frozen=True, repr=False)
class ComputationGraph:
    """A drawn graph; a notebook shows it by itself.

    Attributes:
        nodes: in the order they were computed.
        edges: (from, to), numbers of nodes; twice where an op uses a value twice.
    """

    nodes: list[Node]
    edges: list[tuple[int, int]]

    @property
    def svg(self) -> str:
        """The drawing as the text of an SVG file."""
        return _svg(self.nodes, self.edges)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawing to a file, which browsers and word processors can show."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def __repr__(self) -> str:
        return f"ComputationGraph({len(self.nodes)} nodes, {len(self.edges)} edges)"


def computation_graph(
    what: Tensor | Module,
    input_shape: Sequence[int] = (),
    names: Mapping[str, Tensor] | None = None,
) -> ComputationGraph:
    """Draw what a tensor was computed from, or what a model does with one image.

    An op is a blue box with its class, its layer, and the shape it returns. Below, in orange, stand
    the parameters it was given. Grey boxes are inputs. Only what a gradient flows through is in the
    graph: arrays without one leave no trace.

    Args:
        what: a tensor whose graph is still there (before `backward`), or a model, which runs in
            evaluation mode and in `shapes_only`, so that even a large one takes no time.
        input_shape: (C, H, W), for a model.
        names: what to call tensors that no op made, such as {"a": a}.

    Raises:
        ValueError: a model without an input shape.
        GraphError: a backward pass has freed the graph.
    """
    if isinstance(what, Tensor):
        known = {id(tensor): name for name, tensor in (names or {}).items()}
        return _read([what], known, {})
    if not input_shape:
        raise ValueError(
            "a model's graph depends on its input: computation_graph(model, (C, H, W))"
        )
    paths: dict[int, str] = {}
    for path, module in what.named_modules():
        paths.setdefault(id(module), path)
    known = {id(parameter): name for name, parameter in what.named_parameters()}
    ran: list[tuple[Op, str]] = []  # the ops are kept, or their identities would be used again

    def note(op: Op, *_: Any) -> None:
        ran.append((op, paths.get(id(scope.innermost()), "")))

    with shapes_only(), at_rest(what, gradients=True), observe(note):
        image = Tensor(np.zeros((1, *input_shape), np.float32), requires_grad=True)
        result = what(image)
    known[id(image)] = "input"
    return _read(_tensors(result), known, {id(op): layer for op, layer in ran})


def _tensors(result: Any) -> list[Tensor]:
    """All tensors of a model's result."""
    if isinstance(result, list | tuple):
        return [tensor for part in result for tensor in _tensors(part)]
    return [result] if isinstance(result, Tensor) else []


def _read(
    roots: list[Tensor], known: Mapping[int, str], layers: Mapping[int, str]
) -> ComputationGraph:
    """The graph behind `roots`, with names of leaves and layers of ops by identity."""
    stack: list[Any] = [root.op or root for root in roots]
    found: dict[int, Any] = {}
    while stack:
        node = stack.pop()
        if node is None or isinstance(node, Parameter) or id(node) in found:
            continue
        found[id(node)] = node
        if isinstance(node, Op):
            if node.parents is None:
                raise GraphError(
                    f"the graph behind {node.name} was freed by backward(). Draw it before, or "
                    "call backward(retain_graph=True)"
                )
            stack.extend(node.parents)
    # Tensors that no op made come first, in the order of their users; ops are numbered.
    ordered = sorted(found.values(), key=lambda n: n.number if isinstance(n, Op) else -1)
    place = {id(node): k for k, node in enumerate(ordered)}
    nodes, edges = [], []
    for node in ordered:
        if not isinstance(node, Op):
            nodes.append(Node(known.get(id(node), "tensor"), node.shape, is_op=False))
            continue
        layer = layers.get(id(node), "")
        parents = [parent for parent in node.parents or () if parent is not None]
        parameters = [
            f"{known.get(id(p), 'parameter').removeprefix(layer + '.')} {_written(p.shape)}"
            for p in parents
            if isinstance(p, Parameter)
        ]
        nodes.append(Node(type(node).__name__, node.shape, layer, tuple(parameters)))
        edges += [(place[id(p)], place[id(node)]) for p in parents if not isinstance(p, Parameter)]
    return ComputationGraph(nodes, edges)


def _written(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "scalar"


def _svg(nodes: list[Node], edges: list[tuple[int, int]]) -> str:
    widths = [_width(node) for node in nodes]
    heights = [2 * PAD + LINE * (len(node.lines) + len(node.parameters)) for node in nodes]
    layout = layered(widths, edges)
    tall = [0.0] * (max(layout.row, default=-1) + 1)  # of each row
    for row, height in zip(layout.row, heights, strict=True):
        tall[row] = max(tall[row], height)
    middle = [GAP / 2 + sum(tall[:row]) + GAP * row + tall[row] / 2 for row in range(len(tall))]
    left = GAP / 2
    parts = []
    for (start, end), route in zip(edges, layout.routes, strict=True):
        points = [(left + x, middle[row]) for x, row in route]
        points[0] = points[0][0], points[0][1] + heights[start] / 2
        points[-1] = points[-1][0], points[-1][1] - heights[end] / 2 - 1
        parts.append(_arrow(points, [tall[row] / 2 for _, row in route]))
    for node, row, x, width, height in zip(
        nodes, layout.row, layout.x, widths, heights, strict=True
    ):
        parts.append(_box(node, left + x, middle[row], width, height))
    xs = [x + w / 2 for x, w in zip(layout.x, widths, strict=True)]
    xs += [x for route in layout.routes for x, _ in route]
    right = math.ceil(max(xs, default=0.0) + GAP)
    bottom = math.ceil(sum(tall) + GAP * len(tall))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{right}" height="{bottom}" '
            f'viewBox="0 0 {right} {bottom}" font-family="sans-serif" font-size="13" role="img">',
            "<title>computation graph</title>",
            f'<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{GREY}"/></marker>'
            "</defs>",
            f'<rect width="{right}" height="{bottom}" fill="white"/>',
            *parts,
            "</svg>",
        ]
    )


def _width(node: Node) -> float:
    """Of its longest line, and some room."""
    name, shape = node.lines
    plain = max(map(len, (shape, *node.parameters)))
    return 2 * PAD + max(BOLD * len(name), LETTER * plain)


def _arrow(points: list[tuple[float, float]], half: list[float]) -> str:
    """A line through all points that leaves every row straight downwards.

    Args:
        points: (x, y), from the bottom of a box to the top of another.
        half: of each point's row, half its height: a bend runs straight past the boxes beside it.
    """
    (x, y), *rest = points
    path = [f"M{x:.1f} {y:.1f}"]
    for k, (x, y) in enumerate(rest, start=1):
        last = k == len(rest)
        top = y if last else y - half[k]
        (old_x, old_y) = (
            points[k - 1] if k == 1 else (points[k - 1][0], points[k - 1][1] + half[k - 1])
        )
        bend = (old_y + top) / 2
        path.append(f"C{old_x:.1f} {bend:.1f} {x:.1f} {bend:.1f} {x:.1f} {top:.1f}")
        if not last:
            path.append(f"L{x:.1f} {y + half[k]:.1f}")
    return (
        f'<path d="{" ".join(path)}" fill="none" stroke="{GREY}" stroke-width="1.5" '
        'marker-end="url(#arrow)"/>'
    )


def _box(node: Node, x: float, y: float, width: float, height: float) -> str:
    """A box around (x, y) with a line for each text; parameters below, on orange."""
    left, top = x - width / 2, y - height / 2
    fill, edge = ("#E5F1F8", BLUE) if node.is_op else ("#F2F2F2", GREY)
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" '
        f'fill="{fill}" stroke="{edge}" stroke-width="1.5"/>'
    ]
    if node.parameters:
        strip = LINE * len(node.parameters) + PAD / 2
        parts.append(
            f'<rect x="{left + 3:.1f}" y="{top + height - strip - 3:.1f}" '
            f'width="{width - 6:.1f}" height="{strip:.1f}" rx="4" fill="#FBEDE3"/>'
        )
    texts = [
        *((text, INK, "bold" if k == 0 else "normal") for k, text in enumerate(node.lines)),
        *((text, ORANGE, "normal") for text in node.parameters),
    ]
    for k, (text, colour, weight) in enumerate(texts):
        parts.append(
            f'<text x="{x:.1f}" y="{top + PAD + LINE * (k + 0.75):.1f}" text-anchor="middle" '
            f'fill="{colour}" font-weight="{weight}">{escape(text)}</text>'
        )
    return "\n".join(parts)
