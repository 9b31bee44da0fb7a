"""U-Net: a label for every pixel, from what the depth understood and what the surface still sees.

Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015.
"""

import math

import minidl.functional as F
from minidl.errors import InputError
from minidl.models.registry import Small, register
from minidl.nn import Conv2d, ConvTranspose2d, Dropout, Module, ModuleList, init
from minidl.tensor import Tensor


class DoubleConv(Module):
    """Two 3×3 convolutions with ReLU; without padding each takes a rim of one pixel away."""

    def __init__(self, in_channels: int, channels: int, padding: int) -> None:
        self.conv1 = Conv2d(in_channels, channels, 3, padding=padding)
        self.conv2 = Conv2d(channels, channels, 3, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, H − 4, W − 4), padded to H and W."""
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class UNet(Module):
    """Down four levels by pooling and up again, each level handing its maps across.

        encoder                                         decoder
        0    64 × 568 × 568   ── cropped to 392 ──▶     3    64 × 388 × 388   ▶ head 2 × 388 × 388
             │ pool                                          ▲ up.3
        1   128 × 280 × 280   ── cropped to 200 ──▶     2   128 × 196 × 196
             │ pool                                          ▲ up.2
        2   256 × 136 × 136   ── cropped to 104 ──▶     1   256 × 100 × 100
             │ pool                                          ▲ up.1
        3   512 × 64 × 64     ── cropped to 56 ───▶     0   512 × 52 × 52
             │ pool                                          ▲ up.0
        4  1024 × 28 × 28     ──────────────────────────────▶

    from 1 × 572 × 572; 31,030,658 parameters, 150,428.4 M MACs. Up is a transposed convolution of
    2×2 at stride 2, which halves the channels; beside its maps stand the encoder's, so that the
    DoubleConv behind it sees both.

    Without padding a pixel is labelled only where the image tells all of its surroundings: the
    answer is 184 pixels smaller than the question, and large images are cut into overlapping tiles
    whose answers fit together. The loss is the cross-entropy of each pixel,
    F.cross_entropy(model(x), labels) with labels (N, H_out, W_out).

    Deviations: ReLU behind the transposed convolutions and dropout behind the two lowest levels of
    the encoder are those of the authors' Caffe model; the paper mentions the dropout only. It names
    no layers; these are named after what they do.

    Args:
        num_classes: the number of labels.
        in_channels: 1 for grey images, 3 for colour.
        width: channels of the first level; each one below has twice as many.
        depth: the number of poolings.
        padding: 0 as in the paper, or 1, so that the answer is as large as the image.
        drop_rate: the share of numbers dropped in the two lowest levels in training.

    Raises:
        ValueError: padding is neither 0 nor 1.
        InputError: a map to be pooled would have an odd side; the message suggests sizes.

    Shapes: x (N, in_channels, H, W) → logits (N, num_classes, H − 184, W − 184), H and W 188, 204,
    220, …; with padding=1 → (N, num_classes, H, W), H and W multiples of 2^depth.
    """

    def __init__(
        self,
        num_classes: int = 2,
        in_channels: int = 1,
        width: int = 64,
        depth: int = 4,
        padding: int = 0,
        drop_rate: float = 0.5,
    ) -> None:
        if padding not in (0, 1):
            raise ValueError(
                "padding is 0 (each 3×3 convolution takes a rim of one pixel away) or 1 (sizes "
                f"stay), not {padding}"
            )
        widths = [width * 2**level for level in range(depth + 1)]
        self.padding, self.depth = padding, depth
        self.encoder, self.up, self.decoder = ModuleList(), ModuleList(), ModuleList()
        for before, channels in zip([in_channels, *widths], widths, strict=False):
            self.encoder.append(DoubleConv(before, channels, padding))
        for channels in reversed(widths[:-1]):
            self.up.append(ConvTranspose2d(2 * channels, channels, 2, stride=2))
            self.decoder.append(DoubleConv(2 * channels, channels, padding))
        self.head = Conv2d(width, num_classes, 1)
        self.dropout = Dropout(drop_rate)
        for module in self.modules():
            if isinstance(module, Conv2d | ConvTranspose2d):
                # The paper's σ = √(2/n), n numbers seen by each of the next layer. Windows of the
                # transposed convolution do not overlap: each of its numbers sees the channels.
                window = math.prod(module.kernel_size) if isinstance(module, Conv2d) else 1
                init.normal_(module.weight, std=math.sqrt(2 / (module.in_channels * window)))
                assert module.bias is not None
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits of every pixel; shapes are those of the paper's 572 × 572."""
        for side in x.shape[2:]:
            self._check(side)
        levels = []
        for level, block in enumerate(self.encoder):
            x = block(F.max_pool2d(x, 2) if level else x)  # (N, 64, 568, 568), (N, 128, 280, 280) …
            x = self.dropout(x) if level >= self.depth - 1 else x
            levels.append(x)
        levels.pop()  # x, (N, 1024, 28, 28)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = F.relu(up(x))  # (N, 512, 56, 56) …
            across = _cropped(levels.pop(), x.shape[2], x.shape[3])  # (N, 512, 56, 56) …
            x = block(F.concatenate([across, x], axis=1))  # (N, 512, 52, 52) …
        return self.head(x)  # (N, num_classes, 388, 388)

    def _check(self, side: int) -> None:
        """The lowest map has b pixels a side, 2^depth · (b + rim) + rim · (2^depth − 1) the image.

        The rim is what a DoubleConv takes away: 4 pixels without padding. On the way up each level
        doubles b and loses the rim, so 2^depth · b − rim · (2^depth − 1) pixels are left.
        """
        step, rim = 2**self.depth, 0 if self.padding else 4
        lost = rim * (step - 1)
        least = step * (lost // step + 1 + rim) + lost
        rest = (side - lost) % step
        if rest or side < least:
            below = max(side - rest, least)
            raise InputError(
                "UNet",
                f"{side} pixels cannot be halved {self.depth} times"
                + (" with 4 pixels lost before each time" if rim else "")
                + f": sides of {least}, {least + step}, {least + 2 * step}, … can",
                f"Crop or pad the image to {below} or {below + step} pixels",
            )


def _cropped(x: Tensor, height: int, width: int) -> Tensor:
    """The middle of x (N, C, H, W)."""
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x[:, :, top : top + height, left : left + width]


register(
    "unet",
    UNet,
    paper="Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation, "
    "2015",
    input_shape=(1, 572, 572),
    parameters=31_030_658,
    macs=150_428_424_448,
    small=Small(
        (1, 28, 28),
        {"num_classes": 2, "width": 16, "depth": 2, "padding": 1, "drop_rate": 0.0},
    ),
)
