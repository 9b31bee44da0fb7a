"""CapsNet: groups of neurons, whose direction tells how a thing looks, and length whether it is.

Sabour, Frosst, Hinton: Dynamic Routing Between Capsules, 2017.
"""

import numpy as np

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import Conv2d, Linear, Module, Parameter, ReLU, Sequential, Sigmoid, init
from minidl.tensor import Tensor


class PrimaryCapsules(Module):
    """A convolution whose channels are bundled: 8 neighbouring ones at a pixel are a capsule."""

    def __init__(self, in_channels: int, capsules: int, length: int) -> None:
        self.length = length
        self.conv = Conv2d(in_channels, capsules * length, 9, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to capsules (N, I, length), I = capsules · h · w."""
        x = self.conv(x)  # (N, capsules · length, h, w)
        N, channels, h, w = x.shape
        x = x.reshape(N, channels // self.length, self.length, h, w).permute(0, 1, 3, 4, 2)
        return F.squash(x.reshape(N, -1, self.length))  # (N, I, length)


class DigitCapsules(Module):
    """One capsule for each class, to which the capsules below send what they predict of it.

        û[n,j,i,:] = W[i,j] u[n,i,:]                 what capsule i predicts of class j
        s[n,j,:] = Σ_i c[n,j,i] û[n,j,i,:],  v = squash(s),  c = softmax over j of b
        b[n,j,i] ← b[n,j,i] + û[n,j,i,:] · v[n,j,:]    a few times, from b = 0

    Routing by agreement: where a prediction points the way the sum of all points, more of that
    capsule is sent there next time. It needs no learning; W is learned as usual, through all steps.

    weight (I, length, J · out_length): for each capsule i the matrices of all classes j side by
    side.
    """

    def __init__(
        self, below: int, length: int, classes: int, out_length: int, iterations: int
    ) -> None:
        self.out_length, self.iterations = out_length, iterations
        shape = (below, length, classes * out_length)
        self.weight = Parameter(np.empty(shape, np.float32))
        init.normal_(self.weight, std=0.1)

    def forward(self, u: Tensor) -> Tensor:
        """Map capsules u (N, I, length) to class capsules v (N, J, out_length)."""
        N, I, _ = u.shape
        predicted = u.permute(1, 0, 2) @ self.weight  # (I, N, J · out_length)
        predicted = predicted.reshape(I, N, -1, self.out_length).permute(1, 2, 0, 3)  # (N, J, I, ·)
        J = predicted.shape[1]
        v = F.squash(predicted.sum(2) / J)  # (N, J, out_length), for b = 0: the same share to all
        b: Tensor | float = 0.0
        for _ in range(self.iterations - 1):
            b = (predicted @ v.reshape(N, J, -1, 1)).squeeze(3) + b  # (N, J, I)
            c = F.softmax(b, 1).reshape(N, J, 1, I)
            v = F.squash((c @ predicted).squeeze(2))  # (N, J, out_length)
        return v


class CapsNet(Module):
    """A convolution, primary capsules, and a capsule of 16 numbers for each class.

        layer               output            parameters         MACs
        input                 1 × 28 × 28
        conv1               256 × 20 × 20         20,992      8.3 M    9×9, ReLU
        primary_capsules   1152 × 8            5,308,672    191.1 M    9×9, stride 2: 32 · 6 · 6
        digit_capsules       10 × 16           1,474,560      1.5 M    routed 3 times
        lengths              10
        decoder             784                1,411,344      1.4 M    512, 1024, 784; `reconstruct`
                                               8,215,568    199.4 M    of convolutions

    `model(x)` is the length of each class's capsule, how likely the class is there (classes do not
    exclude each other). The paper's loss wants the right capsule long and the others short, and a
    little that the right capsule alone suffices to redraw the image: `model.loss(x, labels)`.

    State-dict keys are in the order of the layers above; no code of the authors' in PyTorch exists.

    Deviations: a port in wide use (gram-ai/capsule-networks) takes the softmax over the capsules
    below; here, as in the paper, over the classes: each capsule divides what it sends. The authors'
    code adds biases to the class capsules, of which the paper does not speak.

    Args:
        num_classes: the number of class capsules.
        in_channels: 1 for grey images, 3 for colour.
        image_size: rows and columns of an image.
        channels: filters of the first convolution.
        capsules: primary capsules at each pixel, of 8 numbers.
        iterations: how many times routing sums up.

    Raises:
        ValueError: nothing is left of images of this size, or there is nothing to route.

    Shapes: x (N, in_channels, image_size, image_size) → lengths (N, num_classes), between 0 and 1.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        image_size: int = 28,
        channels: int = 256,
        capsules: int = 32,
        iterations: int = 3,
    ) -> None:
        if image_size < 17:
            raise ValueError(
                "two convolutions of 9×9 take images of 17 × 17 pixels or more (17 − 8 = 9 are "
                f"left for the second), not {image_size} × {image_size}"
            )
        if iterations < 1:
            raise ValueError(f"routing sums up at least once, not iterations={iterations}")
        side = (image_size - 8 - 9) // 2 + 1
        self.image_shape = (in_channels, image_size, image_size)
        self.conv1 = Conv2d(in_channels, channels, 9)
        self.primary_capsules = PrimaryCapsules(channels, capsules, 8)
        self.digit_capsules = DigitCapsules(capsules * side * side, 8, num_classes, 16, iterations)
        self.decoder = Sequential(
            Linear(num_classes * 16, 512),
            ReLU(),
            Linear(512, 1024),
            ReLU(),
            Linear(1024, in_channels * image_size * image_size),
            Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute how likely each class is there, (N, num_classes)."""
        return lengths(self.capsules(x))

    def capsules(self, x: Tensor) -> Tensor:
        """Compute the class capsules (N, num_classes, 16)."""
        x = F.relu(self.conv1(x))  # (N, 256, 20, 20)
        x = self.primary_capsules(x)  # (N, 1152, 8)
        return self.digit_capsules(x)  # (N, num_classes, 16)

    def reconstruct(self, capsules: Tensor, labels: np.ndarray) -> Tensor:
        """Redraw images (N, C, H, W), between 0 and 1, each from the capsule of its label alone."""
        chosen = labels[:, None] == np.arange(capsules.shape[1])  # (N, num_classes)
        alone = capsules * chosen[:, :, None].astype(np.float32)  # (N, num_classes, 16)
        return self.decoder(alone.flatten(1)).reshape(-1, *self.image_shape)

    def loss(self, x: Tensor, labels: np.ndarray, reconstruction: float = 0.0005) -> Tensor:
        """Margin loss + reconstruction · Σ (redrawn − x)² over the pixels, averaged over images.

        Args:
            x: images (N, C, H, W) between 0 and 1.
            labels: (N,), class numbers.
            reconstruction: how much redrawing counts.
        """
        capsules = self.capsules(x)
        squares = (self.reconstruct(capsules, labels) - x) ** 2
        return F.margin_loss(lengths(capsules), labels) + reconstruction * squares.sum() / len(x)


def lengths(capsules: Tensor) -> Tensor:
    """|v| of each capsule v: (N, J, length) to (N, J); 10⁻¹² keeps the root's gradient finite."""
    return ((capsules**2).sum(2) + 1e-12).sqrt()


register(
    "capsnet",
    CapsNet,
    paper="Sabour et al., Dynamic Routing Between Capsules, 2017",
    input_shape=(1, 28, 28),
    parameters=8_215_568,
    macs=199_397_376,
    small=Small((1, 28, 28), {"channels": 64, "capsules": 8}),
)
