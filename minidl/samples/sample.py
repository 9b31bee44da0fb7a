"""What a sample is, and the recipes for its inputs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minidl.autograd import Array, Op
from minidl.gradcheck import gradcheck
from minidl.tensor import Tensor

Draw = Callable[[np.random.Generator], Array]


@dataclass(frozen=True)
class Sample:
    """One small problem for one op.

    Attributes:
        op: the op that is checked.
        label: what is special about this sample.
        function: applies the op to tensors.
        draws: one recipe for each input, from a generator to a float64 array.
    """

    op: type[Op]
    label: str
    function: Callable[..., Tensor]
    draws: tuple[Draw, ...]

    def inputs(self, seed: int = 0) -> list[Array]:
        """The float64 inputs for a seed."""
        rng = np.random.default_rng(seed)
        return [draw(rng) for draw in self.draws]

    def check(self, seed: int = 0) -> float:
        """Run gradcheck on this sample; returns the largest relative difference."""
        return gradcheck(self.function, self.inputs(seed), seed=seed + 1)


def normal(*sizes: int) -> Draw:
    """Independent normal numbers."""
    return lambda rng: rng.standard_normal(sizes)


def positive(*sizes: int) -> Draw:
    """Numbers between 0.5 and 2."""
    return lambda rng: rng.uniform(0.5, 2, sizes)


def off_zero(*sizes: int) -> Draw:
    """Numbers of both signs in turn, at least 0.1 away from zero."""
    signs = (-1.0) ** np.arange(int(np.prod(sizes))).reshape(sizes)
    return lambda rng: rng.uniform(0.1, 2, sizes) * signs


def distinct(*sizes: int) -> Draw:
    """Numbers that all differ by at least 0.01."""
    return lambda rng: rng.permutation(int(np.prod(sizes))).reshape(sizes) * 0.01 - 1.0
