"""Which parameters decay: weights do, the parameters of norms and biases do not."""

from collections.abc import Iterable

from minidl.optim.optimizer import Group
from minidl.tensor import Tensor


def decay_groups(parameters: Iterable[Tensor], weight_decay: float) -> list[Group]:
    """Two groups for an optimiser: weights with weight decay, norms and biases without.

        SGD(decay_groups(model.parameters(), 5e-4), lr=0.1, momentum=0.9)

    Weight decay keeps a function smooth by keeping its weights small. A bias or the shift of a norm
    only moves the function, and a norm's scale pulled to 0 switches its channel off. They are told
    apart by their axes: a weight (O, I), (O, C, KH, KW) has two or more, the others one or none.

    Returns:
        The groups in this order, each with its parameters in the order given. An empty one is left
        out.

    Source: He et al., Bag of tricks for image classification, 2019, section 3.1 ("no bias decay").
    """
    given = list(parameters)
    groups = [
        {"params": [p for p in given if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in given if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
