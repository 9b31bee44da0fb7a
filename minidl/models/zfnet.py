"""ZFNet: AlexNet, mended where pictures of its features showed it was blind.

Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2013.
"""

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import Conv2d, Dropout, Linear, LocalResponseNorm, MaxPool2d, Module, init
from minidl.tensor import Tensor

STEMS = {  # stride of conv1 and conv2; padding of conv1, of conv2; rows of the last map
    "imagenet": (2, 1, 0, 6),
    "cifar": (1, 3, 2, 4),
}


class ZFNet(Module):
    """AlexNet with a finer start: 7×7 filters at stride 2 instead of 11×11 at stride 4.

        layer    output          parameters         MACs
        input     3 × 224 × 224
        conv1    96 × 110 × 110      14,208    170.8 M    7×7, stride 2, padding 1
        pool1    96 × 55 × 55                             3×3, stride 2, rounded up
        norm1    96 × 55 × 55
        conv2   256 × 26 × 26       614,656    415.3 M    5×5, stride 2, no padding
        pool2   256 × 13 × 13
        norm2   256 × 13 × 13
        conv3   384 × 13 × 13       885,120    149.5 M    3×3, padding 1
        conv4   384 × 13 × 13     1,327,488    224.3 M    3×3, padding 1
        conv5   256 × 13 × 13       884,992    149.5 M    3×3, padding 1
        pool3   256 × 6 × 6
        fc6     4096             37,752,832     37.7 M    dropout behind it
        fc7     4096             16,781,312     16.8 M    dropout behind it
        fc8     1000              4,097,000      4.1 M
                                 62,357,608  1,168.0 M

    The paper's table 3 also tries 512, 1024 and 512 filters in conv3 to conv5, which lectures show
    as "the" ZFNet: channels=(96, 256, 512, 1024, 512), 107,627,624 parameters.

    Layers are named as in Caffe's AlexNet.

    Deviations: the figure's sizes leave open where padding goes; here, as usual, conv1 has 1 and
    the poolings round up. Contrast is normalised across neighbouring channels with AlexNet's
    constants. Weights start as He et al. say and biases at 0; the paper's are all 0.01.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        channels: the filters of the five convolutions.
        hidden: the width of fc6 and fc7.
        stem: "imagenet", or "cifar" for 32 × 32 pixels: conv1 and conv2 with stride 1.
        drop_rate: the share of hidden numbers dropped in training.

    Shapes: x (N, in_channels, 224, 224) → logits (N, num_classes).
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        channels: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256),
        hidden: int = 4096,
        stem: str = "imagenet",
        drop_rate: float = 0.5,
    ) -> None:
        if stem not in STEMS:
            raise ValueError(
                "the stem is 'imagenet' (conv1 and conv2 with stride 2) or 'cifar' (stride 1, for "
                f"images of 32 × 32 pixels), not {stem!r}"
            )
        stride, padding1, padding2, side = STEMS[stem]
        self.conv1 = Conv2d(in_channels, channels[0], 7, stride, padding1)
        self.norm1 = LocalResponseNorm(5, alpha=5e-4, k=2)
        self.conv2 = Conv2d(channels[0], channels[1], 5, stride, padding2)
        self.norm2 = LocalResponseNorm(5, alpha=5e-4, k=2)
        self.conv3 = Conv2d(channels[1], channels[2], 3, padding=1)
        self.conv4 = Conv2d(channels[2], channels[3], 3, padding=1)
        self.conv5 = Conv2d(channels[3], channels[4], 3, padding=1)
        self.fc6 = Linear(channels[4] * side * side, hidden)
        self.fc7 = Linear(hidden, hidden)
        self.fc8 = Linear(hidden, num_classes)
        self.dropout = Dropout(drop_rate)
        self.pool = MaxPool2d(3, 2, ceil_mode=True)
        for module in self.modules():
            if isinstance(module, Conv2d | Linear):
                init.kaiming_normal_(module.weight)
                assert module.bias is not None
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits; shapes are those for 224 × 224 pixels."""
        x = F.relu(self.conv1(x))  # (N, 96, 110, 110)
        x = self.norm1(self.pool(x))  # (N, 96, 55, 55)
        x = F.relu(self.conv2(x))  # (N, 256, 26, 26)
        x = self.norm2(self.pool(x))  # (N, 256, 13, 13)
        x = F.relu(self.conv3(x))  # (N, 384, 13, 13)
        x = F.relu(self.conv4(x))  # (N, 384, 13, 13)
        x = F.relu(self.conv5(x))  # (N, 256, 13, 13)
        x = self.pool(x).flatten(1)  # (N, 9216)
        x = self.dropout(F.relu(self.fc6(x)))  # (N, 4096)
        x = self.dropout(F.relu(self.fc7(x)))  # (N, 4096)
        return self.fc8(x)  # (N, num_classes)


register(
    "zfnet",
    ZFNet,
    paper="Zeiler, Fergus, Visualizing and Understanding Convolutional Networks, 2013",
    input_shape=(3, 224, 224),
    parameters=62_357_608,
    macs=1_168_032_896,
    small=Small(
        options={"channels": (24, 48, 64, 64, 48), "hidden": 512, "stem": "cifar", "drop_rate": 0.0}
    ),
)
