"""FractalNet: as deep as a ResNet, without shortcuts; short and long paths meet again and again.

Larsson, Maire, Shakhnarovich: FractalNet: Ultra-Deep Neural Networks without Residuals, 2017.
"""

from collections.abc import Sequence
from functools import partial

import minidl.functional as F
from minidl import random
from minidl.models.registry import Small, register
from minidl.nn import BatchNormReLU2d, Conv2d, Dropout, Linear, Module, ModuleList, Sequential, init
from minidl.tensor import Tensor


def conv_layer(in_channels: int, channels: int, dropout: float) -> Sequential:
    """A 3×3 convolution, dropout, batch norm and ReLU."""
    return Sequential(
        {
            "conv": Conv2d(in_channels, channels, 3, padding=1, bias=False),
            "dropout": Dropout(dropout),
            "bn": BatchNormReLU2d(channels),
        }
    )


class Join(Module):
    """The mean of the columns that meet; in training each is dropped with probability `drop_path`.

    This is local drop-path. One column at least lives, and the mean is over those that do.
    """

    def __init__(self, drop_path: float) -> None:
        self.drop_path = drop_path

    def forward(self, columns: Sequence[Tensor]) -> Tensor:
        """Join K columns (N, C, H, W) to one."""
        if len(columns) == 1:
            return columns[0]
        return F.fractal_join(columns, self.drop_path, training=self.training)


class Fractal(Module):
    """f_C, a fractal of C columns:

        f_1(x) = layer(x)
        f_C(x) = layer(x) ⊕ f_{C−1}(f_{C−1}(x))

    where ⊕ joins. The first column has one layer, the next two, the last 2^(C−1):

        f_3:      x                     The ends of all columns are returned side by side, so that
             ┌────┼────┐                whoever calls joins them: a join within a join becomes one
             │    │  layer              join of all that meet there.
             │  layer  │
             │    │  layer
           layer  └──⊕─┤                (⊕: the join of `first`)
             │    ┌────┤
             │    │  layer
             │  layer  │
             │    │  layer
             └────┴────┘
    """

    def __init__(
        self, columns: int, in_channels: int, channels: int, dropout: float, drop_path: float
    ) -> None:
        self.layer = conv_layer(in_channels, channels, dropout)
        self.deeper = columns > 1
        if self.deeper:
            self.first = Fractal(columns - 1, in_channels, channels, dropout, drop_path)
            self.join = Join(drop_path)
            self.second = Fractal(columns - 1, channels, channels, dropout, drop_path)

    def forward(self, x: Tensor, column: int | None = None) -> list[Tensor]:
        """Map x (N, in_channels, H, W) to the ends of the columns, each (N, channels, H, W).

        With `column`, to the end of that one alone; what else there is does not run.
        """
        if column is not None and column > 0:
            return self.second(self.first(x, column - 1)[0], column - 1)
        own = [self.layer(x)]
        if column is None and self.deeper:
            return own + self.second(self.join(self.first(x)))
        return own


class FractalNet(Module):
    """B fractals of C columns, each pooled 2×2, and a linear classifier: B · 2^(C−1) layers deep.

        block      output      filters      layers in columns 0, 1, 2 (, 3)
        input      32 × 32     3
        block 0    16 × 16     64           1, 2, 4 (, 8)
        block 1     8 × 8      128          1, 2, 4 (, 8)
        block 2     4 × 4      256          1, 2, 4 (, 8)
        block 3     2 × 2      512          1, 2, 4 (, 8)
        block 4     1 × 1      512          1, 2, 4 (, 8)
        classifier  10

        depth          20              40
        columns        3               4
        parameters     33,724,618      76,106,634
        MACs           845.2 M         2,036.1 M

    Drop-path trains short and long columns to do the work alone as well as together. Half of the
    steps drop it locally: each join loses each of its columns with probability `drop_path`. The
    other half drop it globally: one column is drawn, and runs alone through the whole network.
    Afterwards `model(x, column=2)` is that column as a plain network of B · 2² layers.

    Deviations: there is no agreed order of the last join of a block and its pooling, and the
    maximum of means is not the mean of maxima. Here each column is pooled and the results are
    joined, as in the authors' generator of networks; later ports join first. Batch norm has scale
    and shift and the convolutions have no bias, as in those ports, of which the parameters are
    those; the generator has a bias but no scale and shift (33,714,314). The weights start uniform
    as Glorot and Bengio say. The names in the state dict are this file's own.

    Args:
        columns: C.
        num_classes: the number of logits.
        in_channels: 3 for colour, 1 for grey images.
        channels: the filters of each of the B blocks.
        dropout: that of the last block, with which the others rise evenly from 0. (The paper's
            0 %, 10 %, 20 %, 30 %, 40 % are dropout=0.4.)
        drop_path: the probability of a column to be dropped at a join; 0 turns global drop-path
            off too.

    Shapes: x (N, in_channels, H, W), H and W at least 2^B → logits (N, num_classes).
    """

    def __init__(
        self,
        columns: int = 3,
        num_classes: int = 10,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512),
        dropout: float = 0.4,
        drop_path: float = 0.15,
    ) -> None:
        if columns < 1:
            raise ValueError(f"a fractal has at least one column, not {columns}")
        self.columns, self.drop_path = columns, drop_path
        self.blocks, self.joins = ModuleList(), ModuleList()
        for block, filters in enumerate(channels):
            rate = dropout * block / max(len(channels) - 1, 1)
            self.blocks.append(Fractal(columns, in_channels, filters, rate, drop_path))
            self.joins.append(Join(drop_path))
            in_channels = filters
        self.classifier = Linear(in_channels, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d | Linear):
                init.xavier_uniform_(module.weight)

    def forward(self, x: Tensor, column: int | None = None) -> Tensor:
        """Compute logits, by all columns or by one alone."""
        if column is not None and not 0 <= column < self.columns:
            raise ValueError(
                f"there is no column {column}; the {self.columns} columns count from 0, the "
                f"shortest, to {self.columns - 1}, the longest"
            )
        if column is None and self.training and self.drop_path > 0:
            column = self._global_column()
        for block, join in zip(self.blocks, self.joins, strict=True):
            x = join([F.max_pool2d(end, 2) for end in block(x, column)])  # (N, channels, H/2, W/2)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, channels)
        return self.classifier(x)  # (N, num_classes)

    def _global_column(self) -> int | None:
        """In every second step on average one column at random, else None."""
        chance = random.generator()
        return int(chance.integers(self.columns)) if chance.random() < 0.5 else None


_PAPER = "Larsson et al., FractalNet: Ultra-Deep Neural Networks without Residuals, 2017"
_SMALL = Small(options={"channels": (8, 16, 32, 64, 64), "dropout": 0.0, "drop_path": 0.0})

register(
    "fractalnet20",
    partial(FractalNet, 3),
    paper=_PAPER,
    input_shape=(3, 32, 32),
    parameters=33_724_618,
    macs=845_222_912,
    small=_SMALL,
)
register(
    "fractalnet40",
    partial(FractalNet, 4),
    paper=f"{_PAPER} (4 columns)",
    input_shape=(3, 32, 32),
    parameters=76_106_634,
    macs=2_036_077_568,
    small=_SMALL,
)
