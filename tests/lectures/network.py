"""A network that ran once without numbers: what it is made of, what went through it, what it costs.

All of this happens inside `minidl.shapes_only()`.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import minidl
from minidl import Tensor, nn
from minidl.autograd import observe
from minidl.models import registry
from minidl.ops.conv import Conv2d, ConvTranspose2d, DepthwiseConv2d
from minidl.ops.matmul import Linear
from minidl.ops.pool import AvgPool2d, MaxPool2d
from minidl.scope import innermost

WEIGHTED = (Conv2d, DepthwiseConv2d, ConvTranspose2d, Linear)
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """A layer that ran.

    Attributes:
        layer: the layer.
        seen: the shape of its first input, without the batch axis.
        shape: that of its output; of the last, if there are several.
        before: layers with weights on the longest way from the image to its input.
        behind: and to its output.
    """

    layer: Any
    seen: Shape
    shape: Shape
    before: int
    behind: int


class Network:
    """A model, run in evaluation mode on one image.

    Attributes:
        model: the model.
        steps: what each layer did, by its name, in the order in which they finished.
        pools: the window, the stride, and the output's shape of each pooling.
        rows: those of `minidl.summary`, by the layer's name.
        depth: layers with weights on the longest way through it.
    """

    def __init__(self, model: nn.Module, *shape: int, skipping: str = "$^") -> None:
        self.model: Any = model.eval()
        self.steps: dict[str, Step] = {}
        self._ran: list[tuple[Any, bool]] = []  # ops, and whether they count as a layer
        self._depths: dict[int, int] = {}
        self._skipped = {
            id(layer) for name, layer in model.named_modules() if re.search(skipping, name)
        }
        hooks = [
            layer.register_forward_hook(
                lambda layer, seen, output, name=name: self._note(name, layer, seen[0], output)
            )
            for name, layer in model.named_modules()
        ]
        image = Tensor(np.zeros((1, *shape), np.float32), requires_grad=True)
        with observe(lambda op, *_: self._op_ran(op)):
            model(image)
        for hook in hooks:
            hook.remove()
        self.depth = max(self._settled().values())
        self.pools: list[tuple[Shape, Shape, Shape]] = [
            (op.window[0], op.window[1], op.shape[1:])
            for op, _ in self._ran
            if isinstance(op, MaxPool2d | AvgPool2d)
        ]
        self.rows = {row.path: row for row in minidl.summary(model, shape, depth=None).layers}

    def parameters(self, name: str = "") -> int:
        """How many numbers a layer learns, with all inside it."""
        return sum(row.parameters for row in self._inside(name))

    def statistics(self, name: str = "") -> int:
        """How many running means and variances are in it."""
        return sum(row.statistics for row in self._inside(name))

    def macs(self, name: str = "") -> int:
        """Its multiply-accumulates."""
        return sum(row.macs for row in self._inside(name))

    def weights(self, name: str = "") -> int:
        """Its parameters without biases and batch norms."""
        return sum(layer.weight.size for layer in self.weighted(name).values())

    def weighted(self, name: str = "") -> dict[str, Any]:
        """Its convolutions and linear layers that ran, by name."""
        kinds = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
        return {
            path: step.layer
            for path, step in self.steps.items()
            if isinstance(step.layer, kinds) and _is_inside(path, name)
        }

    def sees(self, name: str = "") -> tuple[float, float]:
        """How many rows and columns of the image one pixel of its output is computed from."""
        return self.rows[name].field.size

    def sequence(self) -> str:
        """The kinds of its layers in their order, as lectures write them: CONV-POOL-FC."""
        kinds = {"Conv2d": "CONV", "MaxPool2d": "POOL", "LocalResponseNorm": "NORM", "Linear": "FC"}
        names = (type(op).__name__ for op, _ in self._ran)
        return "-".join(kinds[name] for name in names if name in kinds)

    def _inside(self, name: str) -> list[Any]:
        return [row for path, row in self.rows.items() if _is_inside(path, name)]

    def _op_ran(self, op: Any) -> None:
        counts = isinstance(op, WEIGHTED) and id(innermost()) not in self._skipped
        self._ran.append((op, counts))

    def _settled(self) -> dict[int, int]:
        """The depth behind each op by its id; an op knows its parents only after it has run."""
        for op, counts in self._ran[len(self._depths) :]:
            before = (self._depths.get(id(parent), 0) for parent in getattr(op, "parents", ()))
            self._depths[id(op)] = max(before, default=0) + counts
        return self._depths

    def _note(self, name: str, layer: nn.Module, seen: Any, output: Any) -> None:
        seen, output = _last(seen), _last(output)
        self.steps[name] = Step(
            layer, seen.shape[1:], output.shape[1:], self._depth(seen), self._depth(output)
        )

    def _depth(self, x: Tensor) -> int:
        return self._settled().get(id(x.op), 0)


@cache
def network(name: str, shape: Shape | None = None, skipping: str = "$^", **options: Any) -> Network:
    """An architecture of minidl's list, run at its standard input or another one."""
    model = registry.create(name, **options)
    return Network(model, *(shape or registry.entry(name).input_shape), skipping=skipping)


def hwc(shape: Shape) -> Shape:
    """As lectures print it: rows, columns, channels."""
    return (*shape[1:], shape[0])


def _is_inside(path: str, name: str) -> bool:
    return not name or path == name or path.startswith(f"{name}.")


def _last(x: Any) -> Tensor:
    return x[-1] if isinstance(x, list | tuple) else x
