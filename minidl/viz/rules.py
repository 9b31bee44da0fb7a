"""Walking a graph back by other rules than the chain rule's."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from minidl.autograd import Op
from minidl.tensor import Tensor

Rule = Callable[[Any, np.ndarray], Any]
"""Takes the op and what arrived at its output, and returns what goes on to its inputs."""


def backward_by(rules: Mapping[type[Op], Rule], output: Tensor, signal: np.ndarray) -> None:
    """Send `signal` back from `output` to the leaves; ops named in `rules` pass it on by theirs.

    Everything else is as in `output.backward(signal)`: signals that meet add up.

    Args:
        rules: what to do for which type of op, in place of its `backward`.
        output: where to begin. Its graph is used up.
        signal: of the output's shape.
    """
    stack: list[Any] = [output.op]
    seen: set[int] = set()
    while stack:
        op = stack.pop()
        if not isinstance(op, Op) or id(op) in seen:
            continue
        seen.add(id(op))
        stack.extend(op.parents or ())
        if type(op) in rules:
            vars(op)["backward"] = partial(rules[type(op)], op)  # this op's alone, not its class's
    output.backward(signal)
