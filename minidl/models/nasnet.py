"""NASNet-A: a network of two cells, whose wiring a search by reinforcement learning found.

Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures for Scalable Image Recognition,
2018.
"""

from functools import partial

import minidl.functional as F
from minidl.models.registry import Small, register
from minidl.nn import (
    BatchNorm2d,
    BatchNormReLU2d,
    Conv2d,
    Identity,
    Linear,
    Module,
    ReLU,
    Sequential,
    init,
)
from minidl.tensor import Tensor

EPS = 1e-3  # of every batch norm

# The paper's figure 4. A cell makes five sums of two operations, each on one of the states: state 0
# is the output of the cell before, state 1 that of the cell before that one, and 2 to 6 are the
# sums themselves. The cell's output is the states named last, along the channels.
Wiring = tuple[list[tuple[str, int, str, int]], list[int]]

NORMAL: Wiring = (
    [
        ("separable 5×5", 0, "separable 3×3", 1),
        ("separable 5×5", 1, "separable 3×3", 1),
        ("average", 0, "identity", 1),
        ("average", 1, "average", 1),
        ("separable 3×3", 0, "identity", 0),
    ],
    [1, 2, 3, 4, 5, 6],
)
REDUCTION: Wiring = (  # operations on states 0 and 1 take steps of 2
    [
        ("separable 5×5", 0, "separable 7×7", 1),
        ("max", 0, "separable 7×7", 1),
        ("average", 0, "separable 5×5", 1),
        ("identity", 3, "average", 2),
        ("separable 3×3", 2, "max", 0),
    ],
    [3, 4, 5, 6],
)


class Separable(Module):
    """ReLU, separable convolution, batch norm, and all that again; the first takes the stride."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int, stride: int) -> None:
        self.margin, self.stride = kernel_size // 2, stride
        self.separable_1 = _separable(in_channels, channels, kernel_size, stride)
        self.bn_sep_1 = BatchNormReLU2d(channels, eps=EPS)
        self.separable_2 = _separable(channels, channels, kernel_size, 1)
        self.bn_sep_2 = BatchNorm2d(channels, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, H, W) to (N, channels, ⌈H/stride⌉, ⌈W/stride⌉)."""
        x = F.relu(x)
        if self.stride == 2:  # one zero less before an even side, as in TensorFlow
            before, after = self.margin - 1, self.margin
            height, width = x.shape[2:]
            x = F.pad(x, (before + width % 2, after, before + height % 2, after))
        x = self.bn_sep_1(self.separable_1(x))
        return self.bn_sep_2(self.separable_2(x))


class Pool(Module):
    """The maximum or the mean of 3 × 3 pixels, as far as there are any."""

    def __init__(self, kind: str, stride: int) -> None:
        self.kind, self.stride = kind, stride

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, H, W) to (N, C, ⌈H/stride⌉, ⌈W/stride⌉)."""
        height, width = x.shape[2:]
        # As in TensorFlow, windows in steps of 2 stick out of an even side at its end only.
        padding = (1, 1) if self.stride == 1 else (height % 2, width % 2)
        if self.kind == "max":
            return F.max_pool2d(x, 3, self.stride, padding, 1, True)
        return F.avg_pool2d(x, 3, self.stride, padding, True, False)


class Cell(Module):
    """Five sums of two operations, wired as NORMAL or REDUCTION says.

    At the door both inputs are brought to the cell's number of filters, by ReLU, a 1×1 convolution
    and batch norm. If a reduction has come between the two, the older one is twice as large. Then
    half of the filters see every second pixel of every second row, and the other half those one
    further to the right and down.

    Args:
        before: the channels of the older input.
        channels: those of the newer input.
        filters: those of every operation.
        wiring: NORMAL or REDUCTION.
        door: what is done to the older input: "squeeze" or "halve" it, or "open", nothing.
    """

    def __init__(
        self, before: int, channels: int, filters: int, wiring: Wiring, door: str = "squeeze"
    ) -> None:
        self.sums, self.out_states = wiring
        self.out_channels = filters * len(self.out_states)
        self.door = door
        if door == "squeeze":
            self.conv_prev_1x1 = _squeeze(before, filters)
        self.conv_1x1 = _squeeze(channels, filters)
        if door == "halve":
            self.path_1 = Sequential({"conv": Conv2d(before, filters // 2, 1, bias=False)})
            self.path_2 = Sequential({"conv": Conv2d(before, filters // 2, 1, bias=False)})
            self.final_path_bn = BatchNorm2d(filters, eps=EPS)
        for k, (left, i, right, j) in enumerate(self.sums):
            for side, operation, state in (("left", left, i), ("right", right, j)):
                in_channels = before if door == "open" and state == 1 else filters
                stride = 2 if wiring is REDUCTION and state < 2 else 1
                made = _operation(operation, in_channels, filters, stride)
                setattr(self, f"comb_iter_{k}_{side}", made)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """Map x (N, channels, H, W) and the older input to (N, out_channels, H/stride, …)."""
        states = [self.conv_1x1(x), self.matched(before)]
        for k, (_, i, _, j) in enumerate(self.sums):
            left, right = (getattr(self, f"comb_iter_{k}_{side}") for side in ("left", "right"))
            states.append(left(states[i]) + right(states[j]))
        return F.concatenate([states[k] for k in self.out_states], axis=1)

    def matched(self, before: Tensor) -> Tensor:
        """The older input as the operations want it."""
        if self.door == "open":
            return before
        if self.door == "squeeze":
            return self.conv_prev_1x1(before)
        x = F.relu(before)
        shifted = F.pad(x, (0, 1, 0, 1))[:, :, 1::2, 1::2]
        halves = [self.path_1(x[:, :, ::2, ::2]), self.path_2(shifted)]
        return self.final_path_bn(F.concatenate(halves, axis=1))


class NASNet(Module):
    """Three times N normal cells, with reduction cells between them that double the filters.

        layer              nasnet_a_mobile     nasnet_a_large      nasnet_a_cifar    filters
        conv0                32 × 111 × 111      96 × 165 × 165      96 × 32 × 32    3×3
        cell_stem_0          44 × 56 × 56       168 × 83 × 83                        F/4
        cell_stem_1          88 × 28 × 28       336 × 42 × 42                        F/2
        normal × N          264 × 28 × 28      1008 × 42 × 42       192 × 32 × 32    F
        reduction_cell_0    352 × 14 × 14      1344 × 21 × 21       256 × 16 × 16    2 F
        normal × N          528 × 14 × 14      2016 × 21 × 21       384 × 16 × 16    2 F
        reduction_cell_1    704 × 7 × 7        2688 × 11 × 11       512 × 8 × 8      4 F
        normal × N         1056 × 7 × 7        4032 × 11 × 11       768 × 8 × 8      4 F
        last_linear        1000                1000                  10
        parameters         5,289,978           88,753,150           3,328,234
        MACs                   563.6 M           23,783.4 M             525.8 M

    The paper names them by N and the channels of the last cells, 24 F: 4 @ 1056, 6 @ 4032, 6 @ 768.

    State-dict keys are those of timm's nasnetalarge; normal cells are counted through, cell_0 to
    cell_{3N − 1}, in every network.

    Deviations: no auxiliary head and no scheduled drop-path, which the authors train with. On CIFAR
    their first cell takes the map of conv0 as it is for its older input and brings it to F channels
    behind the operations, for 18,304 parameters more; here it is squeezed as everywhere. Average
    pools leave out the zeros around the map, as the authors' do; timm's count them where they take
    steps of 2. Ports of the mobile network that compute a row and a column too many, and cut them
    off, have 568.2 M MACs. First weights are He et al.'s.

    Args:
        repeats: N.
        penultimate: 24 F, the channels of the last cells.
        stem_channels: those of conv0.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        stem: "imagenet": conv0 with stride 2, and two reduction cells; or "cifar": conv0 alone.
        skip_reduction: the first cell behind a reduction takes for its older input not the input of
            the reduction, but the one older than that; so in the large network.

    Shapes: x (N, in_channels, H, W) of any size from 3 × 3 → logits (N, num_classes).
    """

    def __init__(
        self,
        repeats: int,
        penultimate: int,
        stem_channels: int,
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: str = "imagenet",
        skip_reduction: bool = False,
    ) -> None:
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f"the stem of a NASNet is 'imagenet' or 'cifar', not {stem!r}")
        unit = 96 if stem == "imagenet" else 24
        if penultimate < unit or penultimate % unit:
            raise ValueError(
                f"penultimate={penultimate} is not a multiple of {unit}: the last cells have 6 · 4 "
                f"times the filters of the first{', and the stem a quarter' * (unit == 96)}; the "
                f"nearest is {max(round(penultimate / unit), 1) * unit}"
            )
        filters = penultimate // 24
        stride, padding = (2, 0) if stem == "imagenet" else (1, 1)
        self.conv0 = Sequential(
            {
                "conv": Conv2d(in_channels, stem_channels, 3, stride, padding, bias=False),
                "bn": BatchNorm2d(stem_channels, eps=EPS),
            }
        )
        self.drop_rate = 0.5 if stem == "imagenet" else 0.0
        self.cells: list[tuple[str, int]] = []  # name, and which output is its older input
        outputs = [(stem_channels, 0)]  # channels, and how often the map was halved

        def add(name: str, filters: int, wiring: Wiring, older: int) -> None:
            (before, halved), (channels, halvings) = outputs[older], outputs[-1]
            door = "halve" if halved < halvings else "open" if name == "cell_stem_0" else "squeeze"
            cell = Cell(before, channels, filters, wiring, door)
            setattr(self, name, cell)
            self.cells.append((name, older))
            outputs.append((cell.out_channels, halvings + (wiring is REDUCTION)))

        if stem == "imagenet":
            add("cell_stem_0", filters // 4, REDUCTION, older=0)
            add("cell_stem_1", filters // 2, REDUCTION, older=0)
        for stage in range(3):
            older = max(len(outputs) - 2, 0)
            if stage > 0:
                add(f"reduction_cell_{stage - 1}", filters * 2**stage, REDUCTION, older)
            for k in range(repeats):
                if k > 0 or not skip_reduction:
                    older = max(len(outputs) - 2, 0)
                add(f"cell_{stage * repeats + k}", filters * 2**stage, NORMAL, older)
        self.last_linear = Linear(penultimate, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits."""
        outputs = [self.conv0(x)]
        for name, older in self.cells:
            outputs.append(getattr(self, name)(outputs[-1], outputs[older]))
        x = F.relu(outputs[-1])  # (N, penultimate, H/32, W/32), with the CIFAR stem H/4, W/4
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, penultimate)
        x = F.dropout(x, self.drop_rate, self.training)
        return self.last_linear(x)  # (N, num_classes)


def _operation(name: str, in_channels: int, channels: int, stride: int) -> Module:
    if name.startswith("separable"):
        return Separable(in_channels, channels, int(name[-1]), stride)
    return Identity() if name == "identity" else Pool(name, stride)


def _separable(in_channels: int, channels: int, kernel_size: int, stride: int) -> Sequential:
    """K×K within each channel, then 1×1 across them."""
    return Sequential(
        {
            "depthwise_conv2d": Conv2d(
                in_channels,
                in_channels,
                kernel_size,
                stride,
                padding="same" if stride == 1 else 0,
                groups=in_channels,
                bias=False,
            ),
            "pointwise_conv2d": Conv2d(in_channels, channels, 1, bias=False),
        }
    )


def _squeeze(in_channels: int, channels: int) -> Sequential:
    """ReLU, 1×1 convolution, batch norm."""
    return Sequential(
        {
            "act": ReLU(),
            "conv": Conv2d(in_channels, channels, 1, bias=False),
            "bn": BatchNorm2d(channels, eps=EPS),
        }
    )


_PAPER = "Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, 2018"
_SMALL = Small(options={"repeats": 1, "penultimate": 192, "stem_channels": 24, "stem": "cifar"})

register(
    "nasnet_a_mobile",
    partial(NASNet, repeats=4, penultimate=1056, stem_channels=32),
    paper=f"{_PAPER} (4 @ 1056)",
    input_shape=(3, 224, 224),
    parameters=5_289_978,
    macs=563_638_816,
    small=_SMALL,
)
register(
    "nasnet_a_large",
    partial(NASNet, repeats=6, penultimate=4032, stem_channels=96, skip_reduction=True),
    paper=f"{_PAPER} (6 @ 4032)",
    input_shape=(3, 331, 331),
    parameters=88_753_150,
    macs=23_783_414_658,
    small=_SMALL,
)
register(
    "nasnet_a_cifar",
    partial(NASNet, repeats=6, penultimate=768, stem_channels=96, num_classes=10, stem="cifar"),
    paper=f"{_PAPER} (6 @ 768)",
    input_shape=(3, 32, 32),
    parameters=3_328_234,
    macs=525_786_624,
    small=_SMALL,
)
