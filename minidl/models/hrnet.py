"""HRNet: images of several sizes side by side, so that the finest is never lost.

Wang, Sun, Cheng, Jiang, Deng, Zhao, Liu, Mu, Tan, Wang, Liu, Xiao: Deep High-Resolution
Representation Learning for Visual Recognition, 2020.
"""

from collections.abc import Sequence
from functools import partial, reduce
from operator import add

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import (
    BatchNorm2d,
    BatchNormReLU2d,
    Conv2d,
    Identity,
    Linear,
    Module,
    ModuleList,
    Sequential,
    Upsample,
    init,
)
from minidl.tensor import Tensor


class BasicBlock(Module):
    """y = ReLU(x + F(x)), where F is conv-BN-ReLU-conv-BN with 3×3 filters.

    Batch norm, the sum and ReLU are one op here (`BatchNormReLU2d`), which saves trips to memory.
    """

    def __init__(self, channels: int) -> None:
        self.conv1 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = BatchNormReLU2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = BatchNormReLU2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, channels, H, W) to the same shape."""
        return self.bn2(self.conv2(self.bn1(self.conv1(x))), x)


class Bottleneck(Module):
    """y = ReLU(shortcut(x) + F(x)), where F is 1×1, 3×3 and 1×1 with four times the channels."""

    def __init__(self, in_channels: int, channels: int) -> None:
        self.conv1 = Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = BatchNormReLU2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = BatchNormReLU2d(channels)
        self.conv3 = Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = BatchNormReLU2d(4 * channels)
        self.downsample: Module = Identity()
        if in_channels != 4 * channels:
            self.downsample = Sequential(
                Conv2d(in_channels, 4 * channels, 1, bias=False), BatchNorm2d(4 * channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, 4 · channels, H, W)."""
        out = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        return self.bn3(self.conv3(out), self.downsample(x))


class Fusion(ModuleList):
    """What branch i receives: y_i = ReLU(Σ_j f_ij(x_j)), with f_ij by `exchange`."""

    def forward(self, images: list[Tensor]) -> Tensor:
        """Map images (N, widths[j], H/2^j, W/2^j), j = 0, 1, …, to (N, widths[i], H/2^i, W/2^i)."""
        return F.relu(reduce(add, [f(x) for f, x in zip(self, images, strict=True)]))


class MultiResolutionModule(Module):
    """Each branch runs by itself; then each receives what all the others have."""

    def __init__(self, widths: Sequence[int], blocks: int) -> None:
        self.branches = ModuleList(
            Sequential(*(BasicBlock(width) for _ in range(blocks))) for width in widths
        )
        branches = range(len(widths))
        self.fuse_layers = ModuleList(
            Fusion(exchange(widths, j, i) for j in branches) for i in branches
        )

    def forward(self, images: list[Tensor]) -> list[Tensor]:
        """Map images (N, widths[i], H/2^i, W/2^i), i = 0, 1, …, to the same shapes."""
        images = [branch(x) for branch, x in zip(self.branches, images, strict=True)]
        return [fuse(images) for fuse in self.fuse_layers]


def exchange(widths: Sequence[int], j: int, i: int) -> Module:
    """f_ij, which makes images of branch j fit branch i.

    Where i is finer (i < j), a 1×1 convolution and copied pixels; where they are the same, the
    identity; where i is coarser, i − j convolutions of stride 2, the last without ReLU.
    """
    if i == j:
        return Identity()
    if i < j:
        return Sequential(
            Conv2d(widths[j], widths[i], 1, bias=False),
            BatchNorm2d(widths[i]),
            Upsample(scale_factor=2 ** (j - i)),
        )
    last = Sequential(
        Conv2d(widths[j], widths[i], 3, stride=2, padding=1, bias=False), BatchNorm2d(widths[i])
    )
    return Sequential(*(_conv_bn_relu(widths[j], widths[j], 2) for _ in range(i - j - 1)), last)


class HRNet(Module):
    """A stem, four stages with one more resolution each, and a head that gathers them all.

        layer        56 × 56             28 × 28           14 × 14          7 × 7
        conv1, 2     two 3×3 with stride 2, 64 filters
        layer1       4 Bottlenecks, 64
        stage2       C      (1 module)   2C
        stage3       C      (4 modules)  2C                4C
        stage4       C      (3 modules)  2C                4C               8C
        head         128              →  256            →  512           →  1024     Bottlenecks
        classifier   1×1 convolution to 2048, pooling, linear

        A module has 4 BasicBlocks in each branch, then exchanges between all of them. In the head
        → is a 3×3 convolution with stride 2, whose output is added to what is there.

        C              18             32             48
        parameters     21,299,004     41,232,680     77,469,864
        MACs           4,283.5 M      8,921.1 M      17,278.0 M

    State-dict keys are those of timm's hrnet_w18 and so on, which are the authors'.

    Deviations: none known. The authors' table has 3.99 and 8.31 for the MACs of the first two: it
    counts in units of 2^30.

    Args:
        width: C.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        modules: how many modules stages 2, 3 and 4 have.
        blocks: how many blocks layer1 and each branch of a module have.
        head_width: the filters of the finest Bottleneck of the head; its output has four times as
            many, and the 1×1 convolution 64 times.
        stem_stride: of the first convolution: 2; or 1 for small images.

    Shapes: x (N, in_channels, H, W), H and W multiples of 16 · stem_stride → logits
    (N, num_classes).
    """

    def __init__(
        self,
        width: int = 18,
        num_classes: int = 1000,
        in_channels: int = 3,
        modules: tuple[int, int, int] = (1, 4, 3),
        blocks: int = 4,
        head_width: int = 32,
        stem_stride: int = 2,
    ) -> None:
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.unit = 16 * stem_stride
        self.conv1 = Conv2d(in_channels, 64, 3, stem_stride, padding=1, bias=False)
        self.bn1 = BatchNormReLU2d(64)
        self.conv2 = Conv2d(64, 64, 3, stride=2, padding=1, bias=False)
        self.bn2 = BatchNormReLU2d(64)
        self.layer1 = Sequential(
            Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(blocks - 1))
        )
        self.transition1 = ModuleList(
            [
                _conv_bn_relu(256, widths[0], 1),
                Sequential(_conv_bn_relu(256, widths[1], 2)),
            ]
        )
        self.stage2 = _stage(widths[:2], modules[0], blocks)
        self.transition2 = _new_branch(widths[:3])
        self.stage3 = _stage(widths[:3], modules[1], blocks)
        self.transition3 = _new_branch(widths)
        self.stage4 = _stage(widths, modules[2], blocks)
        heads = [head_width, 2 * head_width, 4 * head_width, 8 * head_width]
        self.incre_modules = ModuleList(
            Sequential(Bottleneck(wide, head)) for wide, head in zip(widths, heads, strict=True)
        )
        self.downsamp_modules = ModuleList(
            Sequential(
                Conv2d(4 * head, 8 * head, 3, stride=2, padding=1), BatchNormReLU2d(8 * head)
            )
            for head in heads[:3]
        )
        features = 64 * head_width
        self.final_layer = Sequential(
            Conv2d(32 * head_width, features, 1), BatchNormReLU2d(features)
        )
        self.classifier = Linear(features, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits for images whose sides are multiples of 32."""
        if x.shape[2] % self.unit or x.shape[3] % self.unit:
            raise ValueError(
                f"HRNet halves its images {self.unit} = 2^{self.unit.bit_length() - 1}-fold and "
                f"doubles them again, so height and width must be multiples of {self.unit}, not "
                f"{x.shape[2]} × {x.shape[3]}; pad or resize the images"
            )
        x = self.bn1(self.conv1(x))  # (N, 64, H/2, W/2)
        x = self.bn2(self.conv2(x))  # (N, 64, H/4, W/4)
        x = self.layer1(x)  # (N, 256, H/4, W/4)
        images = self.stage2([transition(x) for transition in self.transition1])  # 2 images
        images = self.stage3([*images, self.transition2[2](images[-1])])  # 3 images
        images = self.stage4([*images, self.transition3[3](images[-1])])  # 4 images
        images = [wider(x) for wider, x in zip(self.incre_modules, images, strict=True)]
        x = images[0]  # (N, 128, H/4, W/4)
        for down, image in zip(self.downsamp_modules, images[1:], strict=True):
            x = image + down(x)  # in the end (N, 1024, H/32, W/32)
        x = self.final_layer(x)  # (N, 2048, H/32, W/32)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 2048)
        return self.classifier(x)  # (N, num_classes)


def _conv_bn_relu(in_channels: int, channels: int, stride: int) -> Sequential:
    return Sequential(
        Conv2d(in_channels, channels, 3, stride, padding=1, bias=False), BatchNormReLU2d(channels)
    )


def _stage(widths: Sequence[int], modules: int, blocks: int) -> Sequential:
    return Sequential(*(MultiResolutionModule(widths, blocks) for _ in range(modules)))


def _new_branch(widths: Sequence[int]) -> ModuleList:
    """From branches to one more, which is made of the coarsest; the others go on as they are."""
    new = Sequential(_conv_bn_relu(widths[-2], widths[-1], 2))
    return ModuleList([*(Identity() for _ in widths[:-1]), new])


_VARIANTS = {  # C: parameters, MACs
    18: (21_299_004, 4_283_537_072),
    32: (41_232_680, 8_921_133_056),
    48: (77_469_864, 17_277_996_032),
}

for _width, (_parameters, _macs) in _VARIANTS.items():
    register(
        f"hrnet_w{_width}",
        partial(HRNet, width=_width),
        paper="Wang et al., Deep High-Resolution Representation Learning for Visual Recognition, "
        "2020",
        input_shape=(3, 224, 224),
        parameters=_parameters,
        macs=_macs,
        small=Small(
            options={
                "width": 8,
                "modules": (1, 1, 1),
                "blocks": 1,
                "head_width": 8,
                "stem_stride": 1,
            }
        ),
    )
