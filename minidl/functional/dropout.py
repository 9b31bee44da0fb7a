"""Regularisation by chance."""

from minidl.errors import InputError
from minidl.functional.arguments import as_tensor
from minidl.ops.dropout import Dropout
from minidl.tensor import ArrayLike, Tensor, apply


def dropout(x: ArrayLike, p: float = 0.5, training: bool = True) -> Tensor:
    """While training, set each element to zero with probability p and divide the rest by 1 − p.

    Source: Srivastava et al., Dropout, 2014.
    """
    x = as_tensor(x)
    if not 0 <= p <= 1:
        raise InputError("dropout", f"the probability p={p} is not between 0 and 1", "Try p=0.5")
    if not training or p == 0:
        return x
    return x * 0.0 if p == 1 else apply(Dropout, x, p=p)
