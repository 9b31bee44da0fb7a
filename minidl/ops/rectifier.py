"""Activation functions made of pieces: ReLU and its relatives, the hard curves, and maxout.

At a kink the derivative does not exist; each docstring says which one is taken there.
"""

import numpy as np
from minidl_kernels import active

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.axes import checked_axis
from minidl.ops.dtypes import check_dtypes, check_float

Array = np.ndarray


class ReLU(Op):
    """y = max(x, 0). NaN stays NaN."""

    def forward(self, x: Array) -> Array:
        """Cut off below zero."""
        if x.dtype.kind != "f":
            return np.maximum(x, 0)  # whole numbers have no gradient
        y = active().relu.relu_forward(x)
        self.save(y)  # the next layer keeps y anyway, so keeping y costs no memory; a mask would
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x is 1 where x > 0 (there y > 0 too) and 0 elsewhere, x = 0 included."""
        (y,) = self.saved
        return active().relu.relu_backward(grad, y)


class ReLU6(Op):
    """y = min(max(x, 0), 6), so that few bits can hold y.

    Source: Krizhevsky, Convolutional deep belief networks on CIFAR-10, 2010; MobileNet, 2017.
    """

    def forward(self, x: Array) -> Array:
        """Cut off below 0 and above 6."""
        y = np.clip(x, 0, 6)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        """∂y/∂x is 1 where 0 < x < 6 (there y = x) and 0 elsewhere, both kinks included."""
        (y,) = self.saved
        return grad * ((y > 0) & (y < 6))


class LeakyReLU(Op):
    """y = max(x, 0) + slope · min(x, 0): negative numbers are weakened, not dropped.

    Source: Maas, Hannun and Ng, Rectifier nonlinearities improve acoustic models, 2013.
    """

    def forward(self, x: Array, *, negative_slope: float) -> Array:
        """Multiply what is below zero by the slope."""
        check_float("leaky_relu", x)
        self.slope = negative_slope
        self.save(x > 0)
        return np.maximum(x, 0) + negative_slope * np.minimum(x, 0)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x is 1 where x > 0 and the slope elsewhere, x = 0 included."""
        (is_positive,) = self.saved
        return np.where(is_positive, grad, self.slope * grad)


class PReLU(Op):
    """y[n,c,…] = max(x[n,c,…], 0) + w[c] · min(x[n,c,…], 0): leaky ReLU that learns its slope.

    Shapes: x, y (N, C, …) · w (C,), or (1,) for one slope everywhere.
    Source: He et al., Delving deep into rectifiers, 2015, equation 1.
    """

    def forward(self, x: Array, weight: Array) -> Array:
        """Multiply what is below zero by the channel's slope."""
        check_dtypes("prelu", x, weight, None)
        C = x.shape[1] if x.ndim > 1 else 1
        if weight.shape not in ((1,), (C,)):
            raise InputError(
                "prelu",
                f"the weight has shape {weight.shape}, but the input of shape {x.shape} has "
                f"{C} channels",
                f"Use num_parameters={C} for one slope a channel, or 1 for one slope everywhere",
            )
        along_channels = [weight.size if axis == 1 else 1 for axis in range(x.ndim)]
        w = weight.reshape(along_channels)
        self.save(x, w)
        return np.maximum(x, 0) + w * np.minimum(x, 0)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        """∂y/∂x is 1 where x > 0 and w[c] elsewhere; ∂y[n,c,…]/∂w[c] = min(x[n,c,…], 0)."""
        x, w = self.saved
        dx = np.where(x > 0, grad, w * grad) if self.needs[0] else None
        if not self.needs[1]:
            return dx, None
        each = grad * np.minimum(x, 0)
        if w.size == 1:
            return dx, each.sum().reshape(1)
        others = tuple(axis for axis in range(x.ndim) if axis != 1)
        return dx, each.sum(axis=others)


class ELU(Op):
    """y = x where x > 0, else α (eˣ − 1), which falls to −α.

    Source: Clevert, Unterthiner and Hochreiter, Exponential linear units, 2015.
    """

    def forward(self, x: Array, *, alpha: float) -> Array:
        """Bend what is below zero towards −α."""
        check_float("elu", x)
        self.alpha = alpha
        self.save(x)
        return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))

    def backward(self, grad: Array) -> Array:
        """∂y/∂x = 1 where x > 0, else α eˣ, at x = 0 too (a kink unless α = 1)."""
        (x,) = self.saved
        return grad * np.where(x > 0, 1, self.alpha * np.exp(np.minimum(x, 0)))


class Hardsigmoid(Op):
    """y = min(max(x + 3, 0), 6) / 6: a sigmoid made of three straight lines.

    Source: Howard et al., Searching for MobileNetV3, 2019, section 5.2.
    """

    def forward(self, x: Array) -> Array:
        """Rise from 0 at −3 to 1 at 3."""
        check_float("hardsigmoid", x)
        self.save((x > -3) & (x < 3))
        return np.clip(x + 3, 0, 6) / 6

    def backward(self, grad: Array) -> Array:
        """∂y/∂x is 1/6 where −3 < x < 3 and 0 elsewhere, both kinks included."""
        (rises,) = self.saved
        return grad * rises / 6


class Hardswish(Op):
    """y = x · hardsigmoid(x) = x · min(max(x + 3, 0), 6) / 6: SiLU without the exponential.

    Source: Howard et al., Searching for MobileNetV3, 2019, section 5.2.
    """

    def forward(self, x: Array) -> Array:
        """Let x through above 3, nothing below −3, and a parabola between."""
        check_float("hardswish", x)
        self.save(x)
        return np.maximum(x, -3) * np.clip(x + 3, 0, 6) / 6  # written so, −∞ gives 0

    def backward(self, grad: Array) -> Array:
        """∂y/∂x is 0 where x ≤ −3, 1 where x ≥ 3, and (2x + 3) / 6 between."""
        (x,) = self.saved
        between = (2 * np.clip(x, -3, 3) + 3) / 6
        return grad * np.where(x >= 3, 1, np.where(x <= -3, 0, between))


class Maxout(Op):
    """y[n,o,…] = max_{j<k} x[n, o·k + j, …]: the largest of each k neighbouring channels.

    Shapes: x (N, k·O, …), y (N, O, …), with the channels on `axis`. NaN wins over every number.
    Source: Goodfellow et al., Maxout networks, 2013.
    """

    def forward(self, x: Array, *, pool_size: int, axis: int) -> Array:
        """Keep the winner of each piece."""
        check_float("maxout", x)
        axis = checked_axis("maxout", axis, x.shape)
        channels, k = x.shape[axis], pool_size
        if channels % k:
            raise InputError(
                "maxout",
                f"{channels} channels on axis {axis} of shape {x.shape} are not a multiple of "
                f"pool_size {k}",
                "Let the layer before have pool_size times as many channels as are to remain",
            )
        pieces = x.reshape(*x.shape[:axis], channels // k, k, *x.shape[axis + 1 :])
        winner = np.expand_dims(pieces.argmax(axis=axis + 1), axis + 1)
        self.axis, self.x_shape, self.pieces_shape = axis + 1, x.shape, pieces.shape
        self.save(winner)
        return np.take_along_axis(pieces, winner, self.axis).squeeze(self.axis)

    def backward(self, grad: Array) -> Array:
        """∂y/∂x is 1 for the winner, of equal channels the first, and 0 for the others."""
        (winner,) = self.saved
        dx = np.zeros(self.pieces_shape, grad.dtype)
        np.put_along_axis(dx, winner, np.expand_dims(grad, self.axis), self.axis)
        return dx.reshape(self.x_shape)
