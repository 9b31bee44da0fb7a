"""Matrix products and the fully connected layer."""

from collections.abc import Iterator

import minidl.functional as F
from minidl.ops.matmul import Linear, MatMul
from minidl.samples.sample import Sample, normal


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    products: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        "matrices": ((2, 3), (3, 4)),
        "stacks": ((5, 2, 3), (5, 3, 4)),
        "stack and matrix": ((5, 2, 3), (3, 4)),
        "matrix and stack": ((2, 3), (5, 3, 4)),
        "stretched stacks": ((5, 1, 2, 3), (6, 3, 4)),
        "matrix and vector": ((2, 3), (3,)),
        "vector and matrix": ((3,), (3, 4)),
        "vectors": ((3,), (3,)),
        "stack and vector": ((5, 2, 3), (3,)),
        "vector and stack": ((3,), (5, 3, 4)),
    }
    for label, (a, b) in products.items():
        yield Sample(MatMul, label, lambda x, y: x @ y, (normal(*a), normal(*b)))
    for label, sizes in {"rows": (5, 3), "one vector": (3,), "stack": (2, 5, 3)}.items():
        draws = (normal(*sizes), normal(4, 3), normal(4))
        yield Sample(Linear, label, F.linear, draws)
    yield Sample(Linear, "no bias", F.linear, (normal(5, 3), normal(4, 3)))
