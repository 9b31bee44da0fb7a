"""Watch over a training run: how large activations, gradients and steps are, layer by layer."""

import difflib
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from minidl.autograd import HookHandle
from minidl.nn import Module, Parameter
from minidl.tensor import Tensor
from minidl.train.callbacks.callback import Callback
from minidl.train.state import State

Array = np.ndarray

EDGES = 2.0 ** np.arange(-20, 11)  # between the histograms' bins, of which there is one more
IMAGES = 16  # activations are looked at for the first of a batch; more would tell little new
NUMBERS = ("activation_mean", "activation_std", "gradient_norm", "update_ratio")
HISTOGRAMS = ("activation_histogram", "gradient_histogram", "update_histogram")


class Statistics(Callback):
    """Measure some steps, layer by layer.

    What to look for: activations that shrink or grow from layer to layer (bad first weights), or
    are mostly 0 (dead ReLUs); gradients that do; and steps. A healthy step changes the weights by
    about a thousandth: update_ratio = ‖Δw‖ / ‖w‖ ≈ 1e-3. Much more and the learning rate is likely
    too high, much less and it is too low.

    Args:
        every: measure one step in so many, beginning with the first.
        layers: names of layers, as `model.named_modules()` gives them; None: those that have
            parameters of their own.

    Source: Karpathy and others, CS231n, "Babysitting the learning process".
    """

    order = -100  # gradients are looked at before another callback clips them

    def __init__(self, every: int = 50, layers: Sequence[str] | None = None) -> None:
        if every < 1:
            raise ValueError(f"every counts steps, so it is at least 1, not {every}")
        self.every = every
        self.layers = None if layers is None else list(layers)
        self._columns: dict[str, list[Any]] = {
            name: [] for name in ("steps", *NUMBERS, *HISTOGRAMS)
        }
        self._hooks: list[HookHandle] = []
        self._row: dict[str, Any] = {}  # of the step that is being measured, if one is

    def table(self) -> dict[str, Any]:
        """What was measured at S steps of L layers.

        Returns:
            "layers": L names.
            "steps": (S,), how many steps of the run went before.
            "activation_mean", "activation_std": (S, L), of the layer's output; NaN if it did not
                run or returned no tensor.
            "gradient_norm": (S, L), ‖∂loss/∂w‖ over the layer's own parameters w; NaN without any.
            "update_ratio": (S, L), ‖Δw‖ / ‖w‖, what the step did to them; NaN likewise.
            "activation_histogram", "gradient_histogram", "update_histogram": (S, L, B) counts of
                |a|, |∂loss/∂w|, and |Δw| / √(mean w²): bin b holds what lies in
                edges[b − 1] ≤ x < edges[b], the first what is smaller, 0 included, the last what is
                larger.
            "edges": (B − 1,), powers of 2.
        """
        S, names = len(self._columns["steps"]), self.layers or []
        shapes = {"steps": (S,)} | dict.fromkeys(HISTOGRAMS, (S, len(names), len(EDGES) + 1))
        columns = {
            name: np.array(column).reshape(shapes.get(name, (S, len(names))))
            for name, column in self._columns.items()
        }
        return {"layers": list(names), **columns, "edges": EDGES.copy()}

    def on_fit_start(self, state: State) -> None:
        """Find the layers."""
        named = state.model.named_modules()
        modules = {name or type(module).__name__: module for name, module in named}
        if self.layers is None:
            self.layers = [name for name, module in modules.items() if _own_parameters(module)]
        for name in self.layers:
            if name not in modules:
                close = difflib.get_close_matches(name, modules, n=3)
                raise ValueError(
                    f"the model has no layer {name!r}"
                    + (f"; did you mean {' or '.join(map(repr, close))}?" if close else "")
                )
        self._modules = [modules[name] for name in self.layers]

    def on_step_start(self, state: State) -> None:
        """Get ready, if this step is one to measure."""
        step = state.epoch * state.steps + state.step
        if step % self.every:
            return
        L = len(self._modules)
        self._row = {"steps": step, "activation_histogram": np.zeros((L, len(EDGES) + 1), np.int64)}
        self._sums = np.zeros((3, L))  # for each layer how many activations, Σ a and Σ a²
        self._before = [
            [parameter.data.copy() for parameter in _own_parameters(module)]
            for module in self._modules
        ]
        self._hooks = [
            module.register_forward_hook(partial(self._look, k))
            for k, module in enumerate(self._modules)
        ]

    def _look(self, k: int, module: Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG002
        """Count the output of layer k, each time it runs."""
        if not isinstance(output, Tensor):
            return
        a = output.data[:IMAGES].ravel()
        self._sums[:, k] += a.size, a.sum(dtype=np.float64), np.square(a, dtype=np.float64).sum()
        self._row["activation_histogram"][k] += _counts([a])

    def on_backward_end(self, state: State) -> None:  # noqa: ARG002
        """Measure the activations and the gradients."""
        if not self._row:
            return
        self._remove_hooks()
        with np.errstate(invalid="ignore"):  # 0 / 0 where a layer did not run
            count, total, squares = self._sums
            mean = total / count
            std = np.sqrt(np.maximum(squares / count - mean * mean, 0))
        gradients = [
            [p.grad for p in _own_parameters(module) if p.grad is not None]
            for module in self._modules
        ]
        self._row |= {
            "activation_mean": mean,
            "activation_std": std,
            "gradient_norm": np.array([_length(arrays) for arrays in gradients]),
            "gradient_histogram": np.array([_counts(arrays) for arrays in gradients]),
        }

    def on_step_end(self, state: State) -> None:  # noqa: ARG002
        """Measure how far the weights moved, and write the row down."""
        if not self._row:
            return
        after = [[p.data for p in _own_parameters(module)] for module in self._modules]
        moved = [
            [w - v for v, w in zip(*pair, strict=True)]
            for pair in zip(self._before, after, strict=True)
        ]
        lengths = [_length(arrays) for arrays in self._before]
        with np.errstate(divide="ignore", invalid="ignore"):  # weights that were all 0
            self._row["update_ratio"] = np.array([_length(arrays) for arrays in moved]) / lengths
            self._row["update_histogram"] = np.array(
                [
                    _counts([step * np.sqrt(sum(w.size for w in steps)) / length for step in steps])
                    for steps, length in zip(moved, lengths, strict=True)
                ]
            )
        for name, column in self._columns.items():
            column.append(self._row[name])
        self._row, self._before = {}, []

    def on_fit_end(self, state: State) -> None:  # noqa: ARG002
        """Leave no hook behind if a step was broken off."""
        self._remove_hooks()
        self._row = {}

    def _remove_hooks(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def state_dict(self) -> dict[str, Any]:
        """What was measured so far."""
        return {"table": self.table()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what was measured."""
        table = state["table"]
        self.layers = table["layers"]
        self._columns = {name: list(table[name]) for name in self._columns}


def _own_parameters(module: Module) -> list[Parameter]:
    """The parameters of a layer without those of the layers inside it."""
    return [value for value in vars(module).values() if isinstance(value, Parameter)]


def _counts(arrays: Iterable[Array]) -> Array:
    """How many of all numbers have a magnitude in each bin, (B,)."""
    counts = np.zeros(len(EDGES) + 1, np.int64)
    for array in arrays:
        bins = np.searchsorted(EDGES.astype(array.dtype), np.abs(array).ravel(), side="right")
        counts += np.bincount(bins, minlength=len(counts))
    return counts


def _length(arrays: Iterable[Array]) -> float:
    """√(Σ a²) over all numbers of all arrays; NaN if there are none."""
    squares = [np.square(array, dtype=np.float64).sum() for array in arrays]
    return float(np.sqrt(sum(squares))) if squares else float("nan")
