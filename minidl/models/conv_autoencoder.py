"""A convolutional autoencoder for 28 × 28 images: squeeze a picture into 49 numbers and redraw it.

The Keras example of Aarhus University's Deep Learning for Visual Recognition, lecture 7. The idea:
Masci, Meier, Cireşan, Schmidhuber: Stacked Convolutional Auto-Encoders for Hierarchical Feature
Extraction, 2011.
"""

import minidl.functional as F
from minidl.models.registry import register
from minidl.nn import BatchNorm2d, Conv2d, ConvTranspose2d, Linear, Module, init
from minidl.tensor import Tensor


class ConvAutoencoder(Module):
    """An encoder to a short code, and a decoder back to the picture; it is its own teacher.

        layer      output         numbers        MACs
        input       1 × 28 × 28
        conv1      32 × 26 × 26       320      194,688    3×3, ReLU
        pool       32 × 13 × 13
        conv2      64 × 11 × 11    18,496    2,230,272    3×3, ReLU
        pool       64 × 5 × 5
        conv3      64 × 3 × 3      36,928      331,776    3×3, ReLU
        flatten   576
        dense      49              28,273       28,224    ReLU: the code
        reshape     1 × 7 × 7
        up1        64 × 14 × 14       640       28,224    transposed 3×3, stride 2, ReLU
        bn1        64 × 14 × 14       256                 128 learned, 128 moving statistics
        up2        64 × 28 × 28    36,928    7,225,344    transposed 3×3, stride 2, ReLU
        bn2        64 × 28 × 28       256                 128 learned, 128 moving statistics
        up3        32 × 28 × 28    18,464   14,450,688    transposed 3×3, stride 1, ReLU
        conv4       1 × 28 × 28       289      225,792    3×3, sigmoid
                                  140,850   24,715,008    140,594 learned, 256 moving statistics

    Train it on images between 0 and 1, as input and as target: F.mse_loss(model(x), x).

    Deviations: the lecture shows two listings, of which only the first, built here, yields the
    shapes it prints. Batch norm has Keras's constants. Keras flattens row by row and pixel by
    pixel, here channel by channel as elsewhere in minidl: the columns of dense stand in another
    order. Weights start as in Keras, within Glorot and Bengio's bounds, biases at 0.

    Args:
        in_channels: 1 for grey images, 3 for colour.
        code_channels: the code is so many maps of 7 × 7.

    Shapes: x (N, in_channels, 28, 28) → y of x's shape, between 0 and 1.
    """

    def __init__(self, in_channels: int = 1, code_channels: int = 1) -> None:
        self.code_channels = code_channels
        self.conv1 = Conv2d(in_channels, 32, 3)
        self.conv2 = Conv2d(32, 64, 3)
        self.conv3 = Conv2d(64, 64, 3)
        self.dense = Linear(64 * 3 * 3, code_channels * 7 * 7)
        self.up1 = ConvTranspose2d(code_channels, 64, 3, stride=2)
        self.bn1 = BatchNorm2d(64, eps=1e-3, momentum=0.01)
        self.up2 = ConvTranspose2d(64, 64, 3, stride=2)
        self.bn2 = BatchNorm2d(64, eps=1e-3, momentum=0.01)
        self.up3 = ConvTranspose2d(64, 32, 3, padding=1)
        self.conv4 = Conv2d(32, in_channels, 3, padding=1)
        for module in self.modules():
            if isinstance(module, Conv2d | ConvTranspose2d | Linear):
                init.xavier_uniform_(module.weight)
                assert module.bias is not None
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Redraw x from its code."""
        return self.decode(self.encode(x))

    def encode(self, x: Tensor) -> Tensor:
        """Squeeze x (N, in_channels, 28, 28) into codes (N, 49 · code_channels)."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 32, 13, 13)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (N, 64, 5, 5)
        x = F.relu(self.conv3(x)).flatten(1)  # (N, 576)
        return F.relu(self.dense(x))  # (N, 49)

    def decode(self, code: Tensor) -> Tensor:
        """Draw pictures (N, in_channels, 28, 28) from codes (N, 49 · code_channels)."""
        x = code.reshape(-1, self.code_channels, 7, 7)
        # Windows of 3 at stride 2 cover 2 · 7 + 1 rows; like Keras's "same", drop the last.
        x = self.bn1(F.relu(self.up1(x)[:, :, :-1, :-1]))  # (N, 64, 14, 14)
        x = self.bn2(F.relu(self.up2(x)[:, :, :-1, :-1]))  # (N, 64, 28, 28)
        x = F.relu(self.up3(x))  # (N, 32, 28, 28)
        return F.sigmoid(self.conv4(x))  # (N, in_channels, 28, 28)


register(
    "conv_autoencoder",
    ConvAutoencoder,
    paper="Aarhus University, Deep Learning for Visual Recognition, lecture 7, 2020; "
    "after Masci et al., Stacked Convolutional Auto-Encoders, 2011",
    input_shape=(1, 28, 28),
    parameters=140_594,
    macs=24_715_008,
)
