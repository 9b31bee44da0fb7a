"""LeNet-5: the first convolutional network in wide use.

LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998.
"""

import minidl.functional as F
from minidl.models.registry import register
from minidl.nn import Conv2d, Linear, Module
from minidl.tensor import Tensor


class LeNet5(Module):
    """Two convolutions, each followed by pooling, and three fully connected layers.

        layer    output       parameters     (1 input channel, 10 classes)
        input    1 × 32 × 32
        conv1    6 × 28 × 28         156     5×5
        pool     6 × 14 × 14
        conv2   16 × 10 × 10       2,416     5×5
        pool    16 × 5 × 5
        fc1      120              48,120     the paper's C5: a 5×5 convolution over a 5×5 map
        fc2       84              10,164
        fc3       10                 850
                                  61,706     416,520 multiply-accumulates

    Deviations, as the network is taught today: ReLU instead of scaled tanh, max pooling instead of
    trainable subsampling, conv2 sees all 6 channels (in the paper each filter sees some of them,
    for 60,000 parameters in all), and a linear classifier instead of radial basis functions.

    Args:
        num_classes: the number of logits.
        in_channels: 1 for grey images, 3 for colour.

    Shapes: x (N, in_channels, 32, 32) → logits (N, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        self.conv1 = Conv2d(in_channels, 6, 5)
        self.conv2 = Conv2d(6, 16, 5)
        self.fc1 = Linear(16 * 5 * 5, 120)
        self.fc2 = Linear(120, 84)
        self.fc3 = Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits for images of 32 × 32 pixels."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 6, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (N, 16, 5, 5)
        x = x.flatten(1)  # (N, 400)
        x = F.relu(self.fc1(x))  # (N, 120)
        x = F.relu(self.fc2(x))  # (N, 84)
        return self.fc3(x)  # (N, num_classes)


register(
    "lenet5",
    LeNet5,
    paper="LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998",
    input_shape=(1, 32, 32),
    parameters=61_706,
    macs=416_520,
)
