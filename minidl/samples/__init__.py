"""One list of small inputs for every op: what `minidl check` and the tests run their proofs on.

A sample is a function of tensors that applies one op, and a recipe for its inputs. Sizes are odd
and all different, so that a swapped axis or a dropped group shows; values stay away from kinks
(ReLU at 0, equal pixels under max pooling), where a derivative does not exist.

The samples stand in a file a family, as the ops do.
"""

from minidl.samples import (
    activation,
    attention,
    capsule,
    conv,
    dice_loss,
    dropout,
    elementwise,
    embedding_loss,
    fold,
    fused,
    index,
    loss,
    margin_loss,
    matmul,
    norm,
    pad,
    pool,
    rectifier,
    reduce,
    regression_loss,
    resize,
    shape,
)
from minidl.samples.sample import Sample

__all__ = ["Sample", "samples"]

_FAMILIES = (
    elementwise,
    reduce,
    shape,
    index,
    pad,
    matmul,
    attention,
    conv,
    fold,
    pool,
    resize,
    norm,
    dropout,
    fused,
    activation,
    rectifier,
    capsule,
    loss,
    margin_loss,
    regression_loss,
    embedding_loss,
    dice_loss,
)


def samples() -> list[Sample]:
    """All samples of all ops."""
    return [sample for family in _FAMILIES for sample in family.samples()]
