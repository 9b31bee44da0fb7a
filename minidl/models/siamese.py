"""Siamese networks: are these two pictures of the same kind? One network looks at both.

Koch, Zemel, Salakhutdinov: Siamese Neural Networks for One-shot Image Recognition, 2015.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import Conv2d, Linear, MaxPool2d, Module, ReLU, Sequential, init
from minidl.tensor import Tensor


class Siamese(Module):
    """Embed both images with the same weights; the logit weighs how far apart they lie.

        layer      output             parameters         MACs    (of one image)
        input        1 × 105 × 105
        conv.0      64 × 96 × 96            6,464     59.0 M     10×10, ReLU
        conv.2      64 × 48 × 48                                 max pooling 2×2
        conv.3     128 × 42 × 42          401,536    708.1 M     7×7, ReLU
        conv.5     128 × 21 × 21
        conv.6     128 × 18 × 18          262,272     84.9 M     4×4, ReLU
        conv.8     128 × 9 × 9
        conv.9     256 × 6 × 6            524,544     18.9 M     4×4, ReLU
        linear    4096                 37,752,832     37.7 M     sigmoid: the embedding
        out          1                      4,097                of both: Σ_k w_k |a_k − b_k| + bias
                                       38,951,745    908.6 M     out counted half for each image

    `model(a, b)` is the logit of "a and b are of the same class". Trained as a classifier of pairs
    (the paper's way), same (N,) holding 1 or 0:

        F.binary_cross_entropy_with_logits(model(a, b), same)

    or by distance alone, where `out` has no part: like pairs are pulled together, others pushed
    apart up to a margin (Hadsell et al., 2006):

        F.contrastive_loss(model.embed(a), model.embed(b), same)

    One-shot recognition: embed one image of each class, `compare` a new image with all of them, and
    take the class of the largest logit. The classes may be ones it was never trained on.

    "siamese_digits" is the same for digits of 8 × 8 pixels: layers ((16, 3), (32, 2)), embeddings
    of 64 numbers, 10,561 parameters and 21,600 MACs.

    State-dict keys are those of fangpin/siamese-pytorch, but for a slip of the pen in "liner.0".

    Deviations: the paper draws weights from normal distributions with σ = 0.01 (convolutions) and
    0.2 (linear), biases around 0.5; these saturate the sigmoids of other sizes. Here convolutions
    start as He et al. say, linear layers as Glorot and Bengio do, biases at 0.

    Args:
        in_channels: 1 for grey images, 3 for colour.
        image_size: rows and columns of an image.
        layers: filters and filter size of each convolution; pooling stands behind all but the last.
        features: the length of an embedding.

    Raises:
        ValueError: nothing is left of images of this size.

    Shapes: a, b (N, in_channels, image_size, image_size) → logits (N,); embeddings (N, features).
    """

    def __init__(
        self,
        in_channels: int = 1,
        image_size: int = 105,
        layers: tuple[tuple[int, int], ...] = ((64, 10), (128, 7), (128, 4), (256, 4)),
        features: int = 4096,
    ) -> None:
        stack: list[Module] = []
        channels, side = in_channels, image_size
        for k, (filters, size) in enumerate(layers):
            if stack:
                stack.append(MaxPool2d(2))
                side //= 2
            if side < size:
                raise ValueError(
                    f"convolution {k + 1} has filters of {size} × {size}, but of {image_size} × "
                    f"{image_size} pixels {side} × {side} reach it; take larger images or smaller "
                    "or fewer layers"
                )
            stack += [Conv2d(channels, filters, size), ReLU()]
            channels, side = filters, side - size + 1
        self.conv = Sequential(*stack)
        self.linear = Linear(channels * side * side, features)
        self.out = Linear(features, 1)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)
            elif isinstance(module, Linear):
                init.xavier_normal_(module.weight)
            if isinstance(module, Conv2d | Linear) and module.bias is not None:
                init.zeros_(module.bias)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Compute for each pair of images the logit (N,) of "the same class"."""
        return self.compare(self.embed(a), self.embed(b))

    def embed(self, x: Tensor) -> Tensor:
        """Map images (N, in_channels, image_size, image_size) to embeddings (N, features)."""
        x = self.conv(x).flatten(1)  # (N, 9216) for 105 × 105 pixels
        return F.sigmoid(self.linear(x))  # (N, features)

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        """Compute the logit (N,) of each pair of embeddings (N, features)."""
        return self.out(abs(a - b)).squeeze(1)


_PAPER = "Koch et al., Siamese Neural Networks for One-shot Image Recognition, 2015"

register(
    "siamese",
    Siamese,
    paper=_PAPER,
    input_shape=(1, 105, 105),
    parameters=38_951_745,
    macs=908_625_920,
    small=Small(
        (1, 28, 28), {"image_size": 28, "layers": ((32, 5), (64, 3), (128, 3)), "features": 256}
    ),
)
register(
    "siamese_digits",
    partial(Siamese, image_size=8, layers=((16, 3), (32, 2)), features=64),
    paper=f"{_PAPER}, for digits of 8 × 8",
    input_shape=(1, 8, 8),
    parameters=10_561,
    macs=21_600,
)
