"""AlexNet: the convolutional network that won ImageNet in 2012, and its later one-tower relative.

Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks,
2012. Krizhevsky: One Weird Trick for Parallelizing Convolutional Neural Networks, 2014.
"""

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from minidl.tensor import Tensor

STEMS = {  # filter, stride and padding of the first convolution; rows of the last map
    "imagenet": (11, 4, 0, 6),
    "cifar": (5, 1, 2, 3),
}


class AlexNet(Module):
    """Five convolutions and three fully connected layers, as one tower.

        layer    output           parameters         MACs
        input     3 × 227 × 227
        conv1    96 × 55 × 55         34,944    105.4 M    11×11, stride 4, no padding
        pool1    96 × 27 × 27                              3×3, stride 2
        norm1    96 × 27 × 27                              local response normalisation
        conv2   256 × 27 × 27        614,656    447.9 M    5×5, padding 2
        pool2   256 × 13 × 13
        norm2   256 × 13 × 13
        conv3   384 × 13 × 13        885,120    149.5 M    3×3, padding 1
        conv4   384 × 13 × 13      1,327,488    224.3 M    3×3, padding 1
        conv5   256 × 13 × 13        884,992    149.5 M    3×3, padding 1
        pool3   256 × 6 × 6
        fc6     4096              37,752,832     37.7 M    dropout behind it
        fc7     4096              16,781,312     16.8 M    dropout behind it
        fc8     1000               4,097,000      4.1 M
                                  62,378,344  1,135.3 M

    Layers are named as in Caffe's models of it.

    Deviations: the paper divides the filters between two GPUs, so that conv2, conv4 and conv5 see
    half of the channels (60,965,224 parameters); here, as it is taught, there is one tower. The
    paper says 224 × 224 pixels, but its 55 × 55 maps take 227. It normalises before pooling;
    lectures and Caffe's CaffeNet the other way round. Its first weights (normal with σ = 0.01,
    some biases 1) fit these numbers of channels only; here weights start as He et al. say and
    biases at 0.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        channels: the filters of the five convolutions.
        hidden: the width of fc6 and fc7.
        stem: the first convolution, "imagenet" (11×11, stride 4) for 227 × 227 pixels or "cifar"
            (5×5, stride 1) for 32 × 32.
        drop_rate: the share of hidden numbers dropped in training.

    Shapes: x (N, in_channels, 227, 227) → logits (N, num_classes).
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
        kernel, stride, padding, side = _stem(stem)
        self.conv1 = Conv2d(in_channels, channels[0], kernel, stride, padding)
        self.norm1 = LocalResponseNorm(5, alpha=5e-4, k=2)  # the paper's α = 10⁻⁴, times n = 5
        self.conv2 = Conv2d(channels[0], channels[1], 5, padding=2)
        self.norm2 = LocalResponseNorm(5, alpha=5e-4, k=2)
        self.conv3 = Conv2d(channels[1], channels[2], 3, padding=1)
        self.conv4 = Conv2d(channels[2], channels[3], 3, padding=1)
        self.conv5 = Conv2d(channels[3], channels[4], 3, padding=1)
        self.fc6 = Linear(channels[4] * side * side, hidden)
        self.fc7 = Linear(hidden, hidden)
        self.fc8 = Linear(hidden, num_classes)
        self.dropout = Dropout(drop_rate)
        _first_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits; shapes are those for 227 × 227 pixels."""
        x = F.relu(self.conv1(x))  # (N, 96, 55, 55)
        x = self.norm1(F.max_pool2d(x, 3, 2))  # (N, 96, 27, 27)
        x = F.relu(self.conv2(x))  # (N, 256, 27, 27)
        x = self.norm2(F.max_pool2d(x, 3, 2))  # (N, 256, 13, 13)
        x = F.relu(self.conv3(x))  # (N, 384, 13, 13)
        x = F.relu(self.conv4(x))  # (N, 384, 13, 13)
        x = F.relu(self.conv5(x))  # (N, 256, 13, 13)
        x = F.max_pool2d(x, 3, 2).flatten(1)  # (N, 9216)
        x = self.dropout(F.relu(self.fc6(x)))  # (N, 4096)
        x = self.dropout(F.relu(self.fc7(x)))  # (N, 4096)
        return self.fc8(x)  # (N, num_classes)


class AlexNetOWT(Module):
    """The variant of "One Weird Trick" that PyTorch users know as AlexNet.

        layer           output           parameters
        features.0       64 × 55 × 55        23,296    11×11, stride 4, padding 2
        features.2       64 × 27 × 27                  max pooling 3×3, stride 2
        features.3      192 × 27 × 27       307,392    5×5, padding 2
        features.5      192 × 13 × 13
        features.6      384 × 13 × 13       663,936    3×3, padding 1
        features.8      256 × 13 × 13       884,992    3×3, padding 1
        features.10     256 × 13 × 13       590,080    3×3, padding 1
        features.12     256 × 6 × 6
        avgpool         256 × 6 × 6                    does nothing for 224 × 224 pixels
        classifier.1    4096             37,752,832    dropout before it
        classifier.4    4096             16,781,312    dropout before it
        classifier.6    1000              4,097,000
                                         61,100,840    714.2 M MACs

    State-dict keys are torchvision's.

    Deviations: the paper has 384 filters in the fourth convolution; torchvision, and so this, 256.
    Weights start as He et al. say and biases at 0; torchvision's are uniform within ±1/√fan_in.

    Args:
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        channels: the filters of the five convolutions.
        hidden: the width of the hidden fully connected layers.
        stem: "imagenet" (11×11, stride 4) or "cifar" (5×5, stride 1) for 32 × 32 pixels.
        drop_rate: the share of the fully connected layers' inputs dropped in training.

    Shapes: x (N, in_channels, H, W), H and W at least 63 (15 with "cifar") → (N, num_classes).
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        channels: tuple[int, int, int, int, int] = (64, 192, 384, 256, 256),
        hidden: int = 4096,
        stem: str = "imagenet",
        drop_rate: float = 0.5,
    ) -> None:
        kernel, stride, _, side = _stem(stem)
        self.features = Sequential(
            Conv2d(in_channels, channels[0], kernel, stride, padding=2),
            ReLU(),
            MaxPool2d(3, 2),
            Conv2d(channels[0], channels[1], 5, padding=2),
            ReLU(),
            MaxPool2d(3, 2),
            Conv2d(channels[1], channels[2], 3, padding=1),
            ReLU(),
            Conv2d(channels[2], channels[3], 3, padding=1),
            ReLU(),
            Conv2d(channels[3], channels[4], 3, padding=1),
            ReLU(),
            MaxPool2d(3, 2),
        )
        self.avgpool = AdaptiveAvgPool2d(side)
        self.classifier = Sequential(
            Dropout(drop_rate),
            Linear(channels[4] * side * side, hidden),
            ReLU(),
            Dropout(drop_rate),
            Linear(hidden, hidden),
            ReLU(),
            Linear(hidden, num_classes),
        )
        _first_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        x = self.features(x)  # (N, 256, 6, 6)
        x = self.avgpool(x).flatten(1)  # (N, 9216)
        return self.classifier(x)  # (N, num_classes)


def _stem(name: str) -> tuple[int, int, int, int]:
    if name not in STEMS:
        raise ValueError(
            "the stem is 'imagenet' (11×11, stride 4) or 'cifar' (5×5, stride 1, for images of "
            f"32 × 32 pixels), not {name!r}"
        )
    return STEMS[name]


def _first_weights(model: Module) -> None:
    for module in model.modules():
        if isinstance(module, Conv2d | Linear):
            init.kaiming_normal_(module.weight)
            assert module.bias is not None
            init.zeros_(module.bias)


register(
    "alexnet",
    AlexNet,
    paper="Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, "
    "2012 (one tower)",
    input_shape=(3, 227, 227),
    parameters=62_378_344,
    macs=1_135_256_096,
    small=Small(
        options={"channels": (24, 48, 64, 64, 48), "hidden": 256, "stem": "cifar", "drop_rate": 0.0}
    ),
)
register(
    "alexnet_owt",
    AlexNetOWT,
    paper="Krizhevsky, One Weird Trick for Parallelizing Convolutional Neural Networks, 2014",
    input_shape=(3, 224, 224),
    parameters=61_100_840,
    macs=714_188_480,
    small=Small(
        options={"channels": (24, 48, 64, 64, 48), "hidden": 256, "stem": "cifar", "drop_rate": 0.0}
    ),
)
