"""Network in Network: a small perceptron for a filter, and no fully connected layer at the end.

Lin, Chen, Yan: Network In Network, 2013.
"""

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import BatchNormReLU2d, Conv2d, Dropout, Module, ReLU, init
from minidl.tensor import Tensor


class MLPConv(Module):
    """A perceptron of three layers slid over the image, with ReLU behind each.

    Slid over an image, the first layer of a perceptron is a convolution. The two behind it see
    nothing but the numbers of their own pixel, so they are convolutions with 1×1 filters: the
    paper's cascaded cross-channel parametric pooling (cccp). With batch_norm each ReLU has a batch
    norm in front of it.
    """

    def __init__(
        self, in_channels: int, widths: tuple[int, int, int], kernel_size: int, batch_norm: bool
    ) -> None:
        self.conv = Conv2d(in_channels, widths[0], kernel_size, padding=kernel_size // 2)
        self.norm1 = BatchNormReLU2d(widths[0]) if batch_norm else ReLU()
        self.cccp1 = Conv2d(widths[0], widths[1], 1)
        self.norm2 = BatchNormReLU2d(widths[1]) if batch_norm else ReLU()
        self.cccp2 = Conv2d(widths[1], widths[2], 1)
        self.norm3 = BatchNormReLU2d(widths[2]) if batch_norm else ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, widths[2], H, W)."""
        x = self.norm1(self.conv(x))  # (N, widths[0], H, W)
        x = self.norm2(self.cccp1(x))  # (N, widths[1], H, W)
        return self.norm3(self.cccp2(x))  # (N, widths[2], H, W)


class NIN(Module):
    """Three MLPConv blocks; the last makes one map for each class, whose mean is the logit.

        layer       output         filters                        parameters       MACs
        input         3 × 32 × 32
        mlpconv1     96 × 32 × 32   5×5, 192; 1×1, 160; 1×1, 96       60,928     61.9 M
        pool         96 × 16 × 16   max 3×3, stride 2; dropout
        mlpconv2    192 × 16 × 16   5×5, 192; 1×1, 192; 1×1, 192     535,104    136.8 M
        pool        192 × 8 × 8     mean 3×3, stride 2; dropout
        mlpconv3     10 × 8 × 8     3×3, 192; 1×1, 192; 1×1, 10      370,954     23.7 M
        mean         10            over all pixels
                                                                     966,986    222.5 M

    Global average pooling ties each map to a class: nothing is left to learn behind the maps, so
    nothing can overfit there, and the maps can be looked at.

    State-dict keys stand in the order of the published Caffe model, whose layers conv1, cccp1,
    cccp2, conv2, cccp3 … are gathered in blocks here.

    Deviations: the paper says little of sizes; these are those of the authors' model for CIFAR-10,
    which also has ReLU behind the last layer, so that no logit is negative. Weights start as He et
    al. say and biases at 0; in the published code normal with σ = 0.05.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        width: all layers but the last have this share of the filters.
        batch_norm: normalise behind every layer, as later editions do: 2,836 more parameters.
        drop_rate: the share of numbers dropped between the blocks in training.

    Shapes: x (N, in_channels, H, W), H and W at least 4 → logits (N, num_classes).
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        width: float = 1.0,
        batch_norm: bool = False,
        drop_rate: float = 0.5,
    ) -> None:
        a, b, c = (int(filters * width) for filters in (96, 160, 192))
        if a < 1:
            raise ValueError(
                f"width={width} leaves the first block 96 · {width} = {96 * width:g} channels; "
                "take 1/96 or more"
            )
        self.mlpconv1 = MLPConv(in_channels, (c, b, a), 5, batch_norm)
        self.mlpconv2 = MLPConv(a, (c, c, c), 5, batch_norm)
        self.mlpconv3 = MLPConv(c, (c, c, num_classes), 3, batch_norm)
        self.dropout = Dropout(drop_rate)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)
                assert module.bias is not None
                init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.mlpconv1(x)  # (N, 96, H, W)
        x = self.dropout(F.max_pool2d(x, 3, 2, ceil_mode=True))  # (N, 96, H/2, W/2)
        x = self.mlpconv2(x)  # (N, 192, H/2, W/2)
        x = self.dropout(F.avg_pool2d(x, 3, 2, ceil_mode=True))  # (N, 192, H/4, W/4)
        x = self.mlpconv3(x)  # (N, num_classes, H/4, W/4)
        return F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, num_classes)


register(
    "nin",
    NIN,
    paper="Lin et al., Network In Network, 2013",
    input_shape=(3, 32, 32),
    parameters=966_986,
    macs=222_486_528,
    small=Small(options={"width": 0.25, "batch_norm": True, "drop_rate": 0.0}),
)
