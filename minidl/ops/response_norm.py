"""Local response normalisation: bright spots dim the same place in neighbouring channels."""

import numpy as np

from minidl.autograd import Op
from minidl.errors import InputError
from minidl.ops.dtypes import check_float

Array = np.ndarray


class LocalResponseNorm(Op):
    """y[n,c,…] = x[n,c,…] / s[n,c,…]^β, s[n,c,…] = k + α/size · Σ_j x[n,j,…]².

    j runs over the `size` channels around c, from c − ⌊size/2⌋ to c + ⌊(size − 1)/2⌋ (an even size
    has one more before c than after it); channels that do not exist count as 0.

    As in PyTorch α is divided by the size. The paper multiplies the plain sum: its α = 10⁻⁴ with
    n = 5 is α = 5·10⁻⁴ here. Source: Krizhevsky et al., AlexNet, 2012, section 3.3.
    """

    def forward(self, x: Array, *, size: int, alpha: float, beta: float, k: float) -> Array:
        """Divide each number by a root of the squares around it."""
        check_float("local_response_norm", x)
        if x.ndim < 3:
            raise InputError(
                "local_response_norm",
                f"the input has shape {x.shape}, but the neighbours are channels, on axis 1 of at "
                "least three axes",
                "Give (N, C, H, W)",
            )
        if not isinstance(size, int | np.integer) or size < 1:
            raise InputError(
                "local_response_norm",
                f"size={size} is not a whole number of channels, at least 1",
                "Try size=5",
            )
        if k <= 0:
            raise InputError(
                "local_response_norm",
                f"with k={k} the denominator can become zero or negative",
                "Use k=1, or k=2 as in AlexNet",
            )
        self.before, self.after = size // 2, (size - 1) // 2
        self.rate, self.beta = alpha / size, beta
        s = k + self.rate * _window_sum(x * x, self.before, self.after)
        self.save(x, s)
        return x * s**-beta

    def backward(self, grad: Array) -> Array:
        """x[c] acts on y[c] itself, and through s on y[i] of every channel i that has c around it.

            dx[c] = grad[c] · s[c]^−β − 2 α/size · β · x[c] · Σ_i grad[i] · x[i] · s[i]^(−β−1)

        c is around i for i from c − ⌊(size − 1)/2⌋ to c + ⌊size/2⌋: the window turned around.
        """
        x, s = self.saved
        through_s = _window_sum(grad * x * s ** (-self.beta - 1), self.after, self.before)
        return grad * s**-self.beta - (2 * self.rate * self.beta) * x * through_s


def _window_sum(x: Array, before: int, after: int) -> Array:
    """Σ_j x[n,j,…] for each channel c, over j from c − before to c + after."""
    C = x.shape[1]
    total = np.zeros_like(x)
    for shift in range(-min(before, C), min(after, C) + 1):
        first, stop = max(0, -shift), min(C, C - shift)  # the channels c for which c + shift exists
        total[:, first:stop] += x[:, first + shift : stop + shift]
    return total
