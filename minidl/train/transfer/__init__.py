"""Transfer learning: start from what another network has learned.

    "Pre-training: train full network on large dataset. Fine-tuning: train both new head and the
    backbone. Linear probing: train new head on top of the frozen backbone. LP is faster, FT is
    better (generally)."                    HSE, Deep Learning 1, lecture 4, "Transfer learning"

A new head (`replace_head`), then one of: `features` with `nearest_neighbours` or `fit_head`;
`freeze_to` and any training; `Learner`, fast.ai's recipe. `load_from_the_bottom` takes weights from
a file as far as they fit. Which suits which data, `replace_head` says.
"""

from minidl.train.transfer.bottom_up import BottomUpReport, load_from_the_bottom
from minidl.train.transfer.features import features, fit_head, nearest_neighbours
from minidl.train.transfer.groups import (
    LayerGroup,
    freeze,
    freeze_to,
    layer_groups,
    param_groups,
    unfreeze,
)
from minidl.train.transfer.head import Head, HeadError, find_head, replace_head
from minidl.train.transfer.learner import Learner

__all__ = [
    "BottomUpReport",
    "Head",
    "HeadError",
    "LayerGroup",
    "Learner",
    "features",
    "find_head",
    "fit_head",
    "freeze",
    "freeze_to",
    "layer_groups",
    "load_from_the_bottom",
    "nearest_neighbours",
    "param_groups",
    "replace_head",
    "unfreeze",
]
