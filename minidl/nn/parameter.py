"""Parameter: a tensor that a layer learns."""

from minidl.tensor import ArrayLike, Tensor


class Parameter(Tensor):
    """A tensor that requires a gradient and that its layer lists among its parameters."""

    __slots__ = ()

    def __init__(self, data: ArrayLike, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)
