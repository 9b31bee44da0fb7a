"""One list of small inputs for every op: what `minidl check` and the tests run their proofs on.

A sample is a function of tensors that applies one op, and a recipe for its inputs. Sizes are odd
and all different, so that a swapped axis or a dropped group shows; values stay away from kinks
(ReLU at 0, equal pixels under max pooling), where a derivative does not exist.

The samples stand in a file a family, as the ops do.
"""

from minidl.samples import (
    activation,
    conv,
    elementwise,
    loss,
    matmul,
    norm,
    pool,
    reduce,
    shape,
)
from minidl.samples.sample import Sample

__all__ = ["Sample", "samples"]

_FAMILIES = (elementwise, reduce, shape, matmul, conv, pool, norm, activation, loss)


def samples() -> list[Sample]:
    """All samples of all ops."""
    return [sample for family in _FAMILIES for sample in family.samples()]
