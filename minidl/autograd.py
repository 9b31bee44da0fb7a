"""The engine: operations that remember how to go backward, and the walk that asks them to.

Calling an operation on tensors runs its `forward` and, if a gradient is wanted, links the new `Op`
to the ops its inputs came from. That chain of links is the graph:

    x ──┐
        ├── Multiply ── Sum ── loss          loss.backward() walks it from right to left
    w ──┘

This room knows arrays, ops and leaves. It does not know `Tensor`, which is built on top.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, Protocol

import numpy as np

from minidl import scope
from minidl.errors import AnomalyError, GraphError

Array = np.ndarray
Hook = Callable[[Array], Array | None]
"""A function that sees a gradient on its way and may return another one in its place."""


class HookHandle:
    """What registering a hook returns: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict["HookHandle", Any], hook: Any) -> None:
        self._hooks = hooks
        hooks[self] = hook  # one function may be registered twice, and each time has its handle

    def remove(self) -> None:
        """Take the hook away; doing it twice does no harm."""
        self._hooks.pop(self, None)


class Leaf(Protocol):
    """Where the walk ends: a value that no op made and that wants a gradient (a parameter, say)."""

    hooks: dict[HookHandle, Hook]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape its gradient must have."""

    @property
    def dtype(self) -> np.dtype:
        """The dtype its gradient must have."""

    def accumulate(self, grad: Array) -> None:
        """Add this pass's gradient to what earlier passes left."""


class Op:
    """One step of a computation: an array function and its derivative, side by side.

    A subclass writes two methods on plain arrays:

    - `forward(self, *arrays, **options)` returns the result. It must not change its inputs. What
      `backward` will need it keeps with one visible call, `self.save(...)`.
    - `backward(self, grad)` receives ∂L/∂output and returns ∂L/∂input, one array for each input of
      `forward` in the same order, with that input's shape and dtype. `self.needs[k]` tells whether
      anybody wants the gradient of input k; where nobody does, it returns None and saves the work.

    An op that sums products may say how many: its `forward` sets `multiply_adds` to the number it
    takes itself and the number `backward` will take for the gradients wanted. The profiler asks.
    """

    needs: tuple[bool, ...] = ()
    saved: tuple[Any, ...] = ()
    multiply_adds: tuple[int, int] | None = None

    _numbers = itertools.count()

    def forward(self, *arrays: Any, **options: Any) -> Array:
        """Compute the result from arrays."""
        raise NotImplementedError

    def backward(self, grad: Array) -> Any:
        """Compute ∂L/∂input for every input from grad = ∂L/∂output."""
        raise NotImplementedError

    def save(self, *arrays: Any) -> None:
        """Keep arrays for `backward`, which finds them in `self.saved`."""
        self.saved = arrays

    def link(self, parents: "tuple[Op | Leaf | None, ...]", output: Array) -> None:
        """Take a place in the graph: behind the makers of its inputs, with a serial number.

        An op is made after its inputs, so sorting by number sorts the graph without recursion.
        """
        self.parents: tuple[Op | Leaf | None, ...] | None = parents
        self.number = next(Op._numbers)
        self.shape, self.dtype = output.shape, output.dtype
        self.hooks: dict[HookHandle, Hook] = {}
        self.layer = scope.path() if _state.anomaly else ""

    def free(self) -> None:
        """Let go of saved arrays and of the graph behind; `parents` None marks a freed op."""
        self.saved, self.parents = (), None

    @property
    def name(self) -> str:
        """The op's name for messages, with the layer it ran in where that was recorded."""
        return type(self).__name__ + (f" in layer {self.layer}" if self.layer else "")


# ------------------------------------------------------------------------------------ modes


class _State(threading.local):
    def __init__(self) -> None:
        self.recording = True
        self.anomaly = False
        self.observers: tuple[Observer, ...] = ()


_state = _State()


def is_grad_enabled() -> bool:
    """Whether operations are being recorded for a backward pass in this thread."""
    return _state.recording


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: less memory, nothing to walk back. Also usable as decorator."""
    before, _state.recording = _state.recording, False
    try:
        yield
    finally:
        _state.recording = before


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Stop at the first op whose output or gradient turns NaN or infinite, and name op and layer.

    Every array is searched, so this is for finding a fault, not for daily training.
    """
    before, _state.anomaly = _state.anomaly, True
    try:
        yield
    finally:
        _state.anomaly = before


def check_output(op: Op, inputs: tuple[Any, ...], output: Array) -> None:
    """Under `detect_anomaly`, raise AnomalyError if `output` holds NaN or inf."""
    if not _state.anomaly or np.isfinite(output).all():
        return
    guilty = all(x is None or np.isfinite(x).all() for x in inputs)
    cause = "from finite inputs" if guilty else "because an input already held NaN or inf"
    layer = scope.path()
    place = type(op).__name__ + (f" in layer {layer}" if layer else "")
    raise AnomalyError(f"the forward of {place} produced {_describe(output)} {cause}")


def _describe(array: Array) -> str:
    nan, inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    return f"{nan} NaN and {inf} inf among {array.size} values of shape {array.shape}"


# ------------------------------------------------------------------------------ observers


Direction = Literal["forward", "backward"]
Observer = Callable[[Op, Direction, float], None]
"""Told of each op that has run in its thread: which op, which way, and the seconds it took."""


@contextmanager
def observe(observer: Observer) -> Iterator[None]:
    """Call `observer` after each forward and each backward of an op that does not fail."""
    before, _state.observers = _state.observers, (*_state.observers, observer)
    try:
        yield
    finally:
        _state.observers = before


def observed(op: Op, direction: Direction) -> AbstractContextManager[None]:
    """Stands around each run of an op: tells the observers, and does nothing if there are none."""
    return _timed(op, direction) if _state.observers else _UNOBSERVED


_UNOBSERVED = nullcontext()


@contextmanager
def _timed(op: Op, direction: Direction) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    for observer in _state.observers:
        observer(op, direction, seconds)


# ------------------------------------------------------------------------- the backward walk


def backward(root: Op | Leaf, grad: Array, retain_graph: bool = False) -> None:
    """Send `grad` = ∂L/∂root back through the graph and add to every leaf's gradient.

    Where a value is used twice its gradients add up, because a small change of it changes the loss
    along both ways: dL/dx = Σ_k ∂L/∂y_k · ∂y_k/∂x. So an op may run only after all its users have,
    which is what the order (last made, first walked) ensures. Gradients of interior values live in
    `grads` during this pass only; leaves receive theirs at the end, all or none.

    Args:
        root: the op (or leaf) of the value to differentiate.
        grad: ∂L/∂root, of the root's shape and dtype; not changed.
        retain_graph: keep the graph, so that it can be walked again.

    Raises:
        GraphError: an earlier walk freed part of the graph, or a backward broke its contract.
    """
    grads = _Gradients()
    grads.add(root, grad)
    leaves: dict[int, Leaf] = {}
    if not isinstance(root, Op):
        leaves[id(root)] = root
    for op in _last_made_first(root):
        upstream = _after_hooks(op, grads.pop(op))
        assert op.parents is not None
        for k, (parent, gradient) in enumerate(zip(op.parents, _run(op, upstream), strict=True)):
            if parent is None:
                continue
            grads.add(parent, _checked(op, k, parent, gradient))
            if not isinstance(parent, Op):
                leaves[id(parent)] = parent
        if not retain_graph:
            op.free()
    for leaf in leaves.values():
        leaf.accumulate(_after_hooks(leaf, grads.pop(leaf)))


def _last_made_first(root: Op | Leaf) -> list[Op]:
    """All ops that root depends on, itself included, users before what they use."""
    found: dict[int, Op] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if not isinstance(node, Op) or node.number in found:
            continue
        if node.parents is None:
            raise GraphError(
                f"backward through {node.name}, whose graph an earlier backward() has freed. "
                "Compute the loss again, or call the earlier backward(retain_graph=True)."
            )
        found[node.number] = node
        stack.extend(parent for parent in node.parents if parent is not None)
    return [found[number] for number in sorted(found, reverse=True)]


def _run(op: Op, upstream: Array) -> tuple[Array | None, ...]:
    with observed(op, "backward"):
        result = op.backward(upstream)
    gradients = result if isinstance(result, tuple) else (result,)
    if len(gradients) != len(op.needs):
        raise GraphError(
            f"{op.name}.backward returned {len(gradients)} gradients for {len(op.needs)} inputs"
        )
    return gradients


def _checked(op: Op, k: int, parent: Op | Leaf, gradient: Array | None) -> Array:
    """The gradient for input k of `op`, after the assertions that hold on every edge."""
    if gradient is None:
        raise GraphError(f"{op.name}.backward returned None for input {k}, which needs a gradient")
    gradient = np.asarray(gradient)
    if gradient.shape != parent.shape or gradient.dtype != parent.dtype:
        raise GraphError(
            f"{op.name}.backward returned a gradient of shape {gradient.shape} and dtype "
            f"{gradient.dtype} for input {k}, which has shape {parent.shape} and dtype "
            f"{parent.dtype}"
        )
    if _state.anomaly and not np.isfinite(gradient).all():
        raise AnomalyError(
            f"the backward of {op.name} produced {_describe(gradient)} for its input {k}"
        )
    return gradient


def _after_hooks(node: Op | Leaf, grad: Array) -> Array:
    for hook in tuple(node.hooks.values()):  # a hook may remove itself
        replaced = hook(grad)
        if replaced is None:
            continue
        if replaced.shape != grad.shape or replaced.dtype != grad.dtype:
            raise GraphError(
                f"a hook replaced a gradient of shape {grad.shape} and dtype {grad.dtype} "
                f"by one of shape {replaced.shape} and dtype {replaced.dtype}"
            )
        grad = replaced
    return grad


class _Gradients:
    """The sums of the gradients that have arrived so far, one for each node.

    The first to arrive is kept as it came. It may be shared (x + y hands one array to both), so the
    second makes a new array, and only from then on is the sum ours to add to in place.
    """

    def __init__(self) -> None:
        self.sums: dict[int, Array] = {}
        self.ours: set[int] = set()

    def add(self, node: Op | Leaf, grad: Array) -> None:
        key = id(node)
        if key not in self.sums:
            self.sums[key] = grad
        elif key in self.ours:
            self.sums[key] += grad
        else:
            self.sums[key] = np.asarray(self.sums[key] + grad)
            self.ours.add(key)

    def pop(self, node: Op | Leaf) -> Array:
        return self.sums.pop(id(node))
