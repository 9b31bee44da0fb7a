"""Highway networks: each layer has gates that say how much it changes and how much it lets pass.

Srivastava, Greff, Schmidhuber: Highway Networks, 2015; Training Very Deep Networks, 2015.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import Conv2d, Linear, Module, ReLU, Sequential, init
from minidl.tensor import Tensor


class HighwayConv2d(Module):
    """y = T(x) · H(x) + (1 − T(x)) · x, with H = ReLU(conv(x)) and the gate T = σ(gate(x)).

    Where T is 0 the layer passes x on; where it is 1 the layer is an ordinary convolution. The
    gate's bias starts at −2, so that T is about 0.12, and the signal crosses even a very deep
    network until the gates have learned where to open. A ResNet is the step from this to
    y = H(x) + x, without gates.
    """

    def __init__(self, channels: int) -> None:
        self.conv = Conv2d(channels, channels, 3, padding=1)
        self.gate = Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, channels, H, W) to the same shape."""
        H, T = F.relu(self.conv(x)), F.sigmoid(self.gate(x))
        return x + T * (H - x)


class HighwayNetwork(Module):
    """Three stages of one convolution and several highway layers, with max pooling between.

        layer     output       highway19                              highway32
        stage1    32 × 32      3×3, 32, and 4 highway layers          18, and 9
        stage2    16 × 16      3×3, 80, and 5 highway layers          45, and 9
        stage3     8 × 8       3×3, 128, and 5 highway layers         72, and 9
        conv       8 × 8       1×1, 100
        fc        10           average pooling, fully connected
                               2,256,838 parameters                   1,268,157 parameters
                               330.8 M MACs                           196.2 M MACs

    Convolutions and fully connected layers count as layers, with both convolutions of a highway
    layer as one. There is no batch norm: the gates alone let these depths learn.

    The published code is for Caffe; its layers are conv1 to conv18 and ip2.

    Deviations: none known in the 19 layers, which are those of the published code (2.3 M in the
    paper). Of the 32 layers the paper says only that they are thin and have about 1.25 M
    parameters; here they have 9/16 of the channels of the others. Weights start as He et al. say,
    with twice the variance of the published code, biases at 0.

    Args:
        highways: the highway layers of each stage.
        widths: the channels of each stage.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        drop_rate: dropout of the image, behind each max pooling, and before the classifier.

    Shapes: x (N, in_channels, H, W), H and W at least 4 → logits (N, num_classes).
    """

    def __init__(
        self,
        highways: tuple[int, int, int] = (4, 5, 5),
        widths: tuple[int, int, int] = (32, 80, 128),
        num_classes: int = 10,
        in_channels: int = 3,
        drop_rate: float = 0.2,
    ) -> None:
        if len(highways) != 3 or len(widths) != 3:
            raise ValueError(
                "a highway network has three stages, so highways and widths are three numbers "
                f"each, not {highways} and {widths}"
            )
        self.drop_rate = drop_rate
        self.stage1 = _stage(in_channels, widths[0], highways[0])
        self.stage2 = _stage(widths[0], widths[1], highways[1])
        self.stage3 = _stage(widths[1], widths[2], highways[2])
        self.conv = Conv2d(widths[2], 100, 1)
        self.fc = Linear(100, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d | Linear) and module.bias is not None:
                init.kaiming_normal_(module.weight)
                init.zeros_(module.bias)
        for module in self.modules():  # again, for a gate comes after the layer it is in
            if isinstance(module, HighwayConv2d) and module.gate.bias is not None:
                init.constant_(module.gate.bias, -2)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.stage1(self._dropped(x))  # (N, 32, H, W)
        x = self._dropped(F.max_pool2d(x, 2))  # (N, 32, H/2, W/2)
        x = self.stage2(x)  # (N, 80, H/2, W/2)
        x = self._dropped(F.max_pool2d(x, 2))  # (N, 80, H/4, W/4)
        x = F.relu(self.conv(self.stage3(x)))  # (N, 100, H/4, W/4)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 100)
        return self.fc(self._dropped(x))  # (N, num_classes)

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.drop_rate, self.training)


def _stage(in_channels: int, channels: int, highways: int) -> Sequential:
    """A convolution that changes the channels, then highway layers, which cannot."""
    first = Conv2d(in_channels, channels, 3, padding=1)
    return Sequential(first, ReLU(), *(HighwayConv2d(channels) for _ in range(highways)))


_PAPER = "Srivastava et al., Training Very Deep Networks, 2015"

register(
    "highway19",
    HighwayNetwork,
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=2_256_838,
    macs=330_826_728,
    small=Small(options={"highways": (1, 2, 2), "widths": (12, 24, 48), "drop_rate": 0.0}),
)
register(
    "highway32",
    partial(HighwayNetwork, highways=(9, 9, 9), widths=(18, 45, 72)),
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=1_268_157,
    macs=196_168_168,
    small=Small(options={"highways": (2, 3, 3), "widths": (16, 24, 32), "drop_rate": 0.0}),
)
