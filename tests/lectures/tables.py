"""Tables of papers that several lectures print: GoogLeNet's, the ResNets' and the DenseNets'."""

from typing import Any

from minidl import nn
from minidl.models.resnet import BasicBlock, Block
from tests.lectures.deck import Row
from tests.lectures.network import Network, hwc, network

# ------------------------------------------------------------------------------------ GoogLeNet

# Module: output, depth, filters (#1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj), params,
# ops, and the weights that such a module has.
INCEPTION = {
    "3a": ((28, 28, 256), 2, (64, 96, 128, 16, 32, 32), "159Ki", "128M", 163_328),
    "3b": ((28, 28, 480), 2, (128, 128, 192, 32, 96, 64), "380Ki", "304M", 388_096),
    "4a": ((14, 14, 512), 2, (192, 96, 208, 16, 48, 64), "364Ki", "73M", 375_552),
    "4b": ((14, 14, 512), 2, (160, 112, 224, 24, 64, 64), "437Ki", "88M", 448_512),
    "4c": ((14, 14, 512), 2, (128, 128, 256, 24, 64, 64), "463Ki", "100M", 509_440),
    "4d": ((14, 14, 528), 2, (112, 144, 288, 32, 64, 64), "580Ki", "119M", 604_672),
    "4e": ((14, 14, 832), 2, (256, 160, 320, 32, 128, 128), "840Ki", "170M", 867_328),
    "5a": ((7, 7, 832), 2, (256, 160, 320, 32, 128, 128), "1072Ki", "54M", 1_042_432),
    "5b": ((7, 7, 1024), 2, (384, 192, 384, 48, 128, 128), "1388Ki", "71M", 1_442_816),
}
GOOGLENET_POOLS = [  # patch size / stride, output
    ("max pool behind the first convolution", (3, 3), (2, 2), (56, 56, 64)),
    ("max pool before 3a", (3, 3), (2, 2), (28, 28, 192)),
    ("max pool before 4a", (3, 3), (2, 2), (14, 14, 480)),
    ("max pool before 5a", (3, 3), (2, 2), (7, 7, 832)),
]
LESS_EXACT = "the printed parameters (K is 1024) do not follow from the filters of the row"


def googlenet() -> Network:
    """The paper's network without its auxiliary heads."""
    return network("googlenet", aux=False)


def googlenet_rows(slide: str) -> list[Row]:
    """The paper's table 1: "GoogLeNet incarnation of the Inception architecture"."""
    rows = [
        Row(slide, "patch size of the first convolution", (7, 7), lambda: _conv("conv1", "kernel")),
        Row(slide, "stride of the first convolution", 2, lambda: _conv("conv1", "stride")),
        Row(slide, "output of the first convolution", (112, 112, 64), lambda: _shape("conv1")),
        Row(slide, "depth of the first convolution", 1, lambda: _layers("conv1")),
        Row(
            slide,
            "params of the first convolution",
            "2.7K",
            lambda: googlenet().weights("conv1"),
            ours=9_408,
            why="the table counts a separable 7×7: 8 filters for each colour, then 1×1 to 64",
            counted=lambda: _separable().parameters(),
        ),
        Row(
            slide,
            "ops of the first convolution",
            "34M",
            lambda: googlenet().macs("conv1"),
            ours=118_013_952,
            why="as for its params: the table counts a separable 7×7",
            counted=lambda: _separable().macs(),
        ),
        Row(slide, "patch size of the second", (3, 3), lambda: _conv("conv3", "kernel")),
        Row(slide, "stride of the second", 1, lambda: _conv("conv3", "stride")),
        Row(slide, "output of the second", (56, 56, 192), lambda: _shape("conv3")),
        Row(slide, "depth of the second", 2, lambda: _layers("conv2") + _layers("conv3")),
        Row(slide, "#3×3 reduce of the second", 64, lambda: _shape("conv2")[2]),
        Row(slide, "#3×3 of the second", 192, lambda: _shape("conv3")[2]),
        Row(
            slide,
            "params of the second",
            "112Ki",
            lambda: googlenet().weights("conv2") + googlenet().weights("conv3"),
        ),
        Row(
            slide,
            "ops of the second",
            "360M",
            lambda: googlenet().macs("conv2") + googlenet().macs("conv3"),
        ),
    ]
    for k, (what, window, stride, shape) in enumerate(GOOGLENET_POOLS):
        # Each module has a pool of its own; those of the table have stride 2.
        rows += [
            Row(slide, f"patch size of {what}", window, lambda k=k: _pools()[k][0]),
            Row(slide, f"stride of {what}", stride, lambda k=k: _pools()[k][1]),
            Row(slide, f"output of {what}", shape, lambda k=k: hwc(_pools()[k][2])),
        ]
    for name, (shape, depth, filters, params, ops, weights) in INCEPTION.items():
        path = f"inception{name}"
        rows += [
            Row(slide, f"output of {name}", shape, lambda path=path: _shape(path)),
            Row(slide, f"depth of {name}", depth, lambda path=path: _layers(path)),
            Row(slide, f"filters of {name}", filters, lambda path=path: _filters(path)),
        ]
        near = {"4c": 0.08, "5a": 0.06}.get(name, 0.02)
        exact = name == "3a"
        rows.append(
            Row(
                slide,
                f"params of {name}",
                params,
                lambda path=path: googlenet().weights(path),
                ours=None if exact else weights,
                why="" if exact else LESS_EXACT,
                within=None if exact else near,
                cut=exact,
            )
        )
        wrong = name == "5a"
        rows.append(
            Row(
                slide,
                f"ops of {name}",
                ops,
                lambda path=path: googlenet().macs(path),
                ours=51_079_168 if wrong else None,
                why="its printed params, 1072K, times 7 · 7 pixels; the filters give less"
                if wrong
                else "",
                counted=(lambda: 1072 * 1024 * 7 * 7) if wrong else None,
                cut=name == "4a",
            )
        )
    return [
        *rows,
        Row(slide, "patch size of the average pool", (7, 7), lambda: _shape("inception5b")[:2]),
        Row(slide, "output of the average pool", (1024,), lambda: googlenet().steps["fc"].seen),
        Row(slide, "output of the linear layer", (1000,), lambda: googlenet().steps["fc"].shape),
        Row(slide, "depth of the linear layer", 1, lambda: _layers("fc")),
        Row(slide, "dropout", "40%", lambda: googlenet().model.drop_rate),
        Row(slide, "params of the linear layer", "1000Ki", lambda: googlenet().weights("fc")),
        Row(slide, "ops of the linear layer", "1M", lambda: googlenet().macs("fc")),
    ]


def _shape(name: str) -> tuple[int, ...]:
    return hwc(googlenet().steps[name].shape)


def _layers(name: str) -> int:
    step = googlenet().steps[name]
    return step.behind - step.before


def _conv(name: str, what: str) -> Any:
    layer = googlenet().steps[f"{name}.conv"].layer
    return layer.kernel_size if what == "kernel" else layer.stride


def _pools() -> list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    return [pool for pool in googlenet().pools if pool[1] != (1, 1)]


def _filters(path: str) -> tuple[int, ...]:
    return tuple(layer.out_channels for layer in googlenet().weighted(path).values())


def _separable() -> Network:
    depthwise = nn.Conv2d(3, 24, 7, stride=2, padding=3, groups=3, bias=False)
    return Network(nn.Sequential(depthwise, nn.Conv2d(24, 64, 1, bias=False)), 3, 224, 224)


# -------------------------------------------------------------------------------------- ResNet

BASIC = {  # stage: output, what a block is made of
    "conv2_x": ((56, 56), ((3, 64), (3, 64))),
    "conv3_x": ((28, 28), ((3, 128), (3, 128))),
    "conv4_x": ((14, 14), ((3, 256), (3, 256))),
    "conv5_x": ((7, 7), ((3, 512), (3, 512))),
}
BOTTLENECK = {
    "conv2_x": ((56, 56), ((1, 64), (3, 64), (1, 256))),
    "conv3_x": ((28, 28), ((1, 128), (3, 128), (1, 512))),
    "conv4_x": ((14, 14), ((1, 256), (3, 256), (1, 1024))),
    "conv5_x": ((7, 7), ((1, 512), (3, 512), (1, 2048))),
}
RESNETS = {
    "resnet18": (BASIC, (2, 2, 2, 2)),
    "resnet34": (BASIC, (3, 4, 6, 3)),
    "resnet50": (BOTTLENECK, (3, 4, 6, 3)),
    "resnet101": (BOTTLENECK, (3, 4, 23, 3)),
    "resnet152": (BOTTLENECK, (3, 8, 36, 3)),
}


def resnet_rows(slide: str) -> list[Row]:
    """The paper's table 1: "Architectures for ImageNet", without its last line."""
    rows = []
    for name, (stages, blocks) in RESNETS.items():
        rows += [
            Row(
                slide,
                f"{name}, conv1: output",
                (112, 112),
                lambda name=name: network(name).steps["conv1"].shape[1:],
            ),
            Row(
                slide,
                f"{name}, conv1: 7×7, 64, stride 2",
                ((7, 64), 2),
                lambda name=name: (
                    _kernel(network(name).steps["conv1"].layer),
                    network(name).steps["conv1"].layer.stride,
                ),
            ),
            Row(
                slide,
                f"{name}, max pool: 3×3, stride 2, to 56 × 56",
                ((3, 3), (2, 2), (56, 56)),
                lambda name=name: (*network(name).pools[0][:2], network(name).pools[0][2][1:]),
            ),
        ]
        for k, (stage, n) in enumerate(zip(stages, blocks, strict=True), start=1):
            output, block = stages[stage]
            rows += [
                Row(
                    slide,
                    f"{name}, {stage}: output",
                    output,
                    lambda name=name, k=k: network(name).steps[f"layer{k}"].shape[1:],
                ),
                Row(
                    slide,
                    f"{name}, {stage}: blocks",
                    [block] * n,
                    lambda name=name, k=k: [
                        _block(b) for b in getattr(network(name).model, f"layer{k}")
                    ],
                ),
            ]
        rows.append(
            Row(
                slide,
                f"{name}: 1000-d fc on an average pool",
                ((stages["conv5_x"][1][-1][1],), (1000,)),
                lambda name=name: (network(name).steps["fc"].seen, network(name).steps["fc"].shape),
            )
        )
    return rows


def _block(block: Block) -> tuple[tuple[int, int], ...]:
    convs = [block.conv1, block.conv2]
    if not isinstance(block, BasicBlock):
        convs.append(block.conv3)
    return tuple(_kernel(conv) for conv in convs)


def _kernel(conv: nn.Conv2d) -> tuple[int, int]:
    assert conv.kernel_size[0] == conv.kernel_size[1]
    return conv.kernel_size[0], conv.out_channels


# ------------------------------------------------------------------------------------ DenseNet

DENSENETS = {  # layers of the four blocks
    "densenet121": (6, 12, 24, 16),
    "densenet169": (6, 12, 32, 32),
    "densenet201": (6, 12, 48, 32),
    "densenet264": (6, 12, 64, 48),
}
DENSE_ROWS = (56, 28, 14, 7)  # of the maps in each block
GROWTH_RATE = 32


def densenet_rows(slide: str) -> list[Row]:
    """The paper's table 1: "DenseNet architectures for ImageNet"."""
    rows = []
    for name, layers in DENSENETS.items():
        rows += [
            Row(
                slide,
                f"{name}, convolution: 7×7, stride 2, to 112 × 112",
                ((7, 7), 2, (112, 112)),
                lambda name=name: _convolution(name, "features.conv0"),
            ),
            Row(
                slide,
                f"{name}, pooling: 3×3 max, stride 2, to 56 × 56",
                ((3, 3), (2, 2), (56, 56)),
                lambda name=name: _pool(name, 0),
            ),
        ]
        for k, (n, side) in enumerate(zip(layers, DENSE_ROWS, strict=True), start=1):
            block = f"features.denseblock{k}"
            rows += [
                Row(
                    slide,
                    f"{name}, dense block {k}: output",
                    (side, side),
                    lambda name=name, block=block: network(name).steps[block].shape[1:],
                ),
                Row(
                    slide,
                    f"{name}, dense block {k}: [1×1 conv, 3×3 conv] × {n}",
                    [(1, 1), (3, 3)] * n,
                    lambda name=name, block=block: [
                        conv.kernel_size for conv in network(name).weighted(block).values()
                    ],
                ),
            ]
            if k < 4:
                rows += [
                    Row(
                        slide,
                        f"{name}, transition layer {k}: 1×1 conv",
                        ((1, 1), 1, (side, side)),
                        lambda name=name, k=k: _convolution(name, f"features.transition{k}.conv"),
                    ),
                    Row(
                        slide,
                        f"{name}, transition layer {k}: 2×2 average pool, stride 2",
                        ((2, 2), (2, 2), (side // 2, side // 2)),
                        lambda name=name, k=k: _pool(name, k),
                    ),
                ]
        rows.append(
            Row(
                slide,
                f"{name}: 1000-d fully connected",
                (1000,),
                lambda name=name: network(name).steps["classifier"].shape,
            )
        )
    return rows


def growth_rates(name: str) -> set[int]:
    """How many channels the layers of a DenseNet add."""
    convs = network(name).weighted("features")
    return {conv.out_channels for path, conv in convs.items() if path.endswith("conv2")}


def _convolution(name: str, path: str) -> tuple[Any, ...]:
    step = network(name).steps[path]
    return step.layer.kernel_size, step.layer.stride, step.shape[1:]


def _pool(name: str, k: int) -> tuple[tuple[int, ...], ...]:
    window, stride, shape = network(name).pools[k]
    return window, stride, shape[1:]
