"""Learning-rate schedules: a rule from the number of steps taken to the learning rate.

    scheduler = StepLR(optimizer, step_size=30)
    for epoch in range(90):
        ...                                   # train
        scheduler.step()                      # after the epoch (or after each batch, if so meant)

Every rule but that of ReduceLROnPlateau is a formula in t, the number of `step()` calls so far, and
η₀, the group's first rate. `minidl.viz.schedule` draws them.

Names, arguments and defaults are those of torch.optim.lr_scheduler; `last_epoch` is left out
(`load_state_dict` continues a schedule).
"""

from minidl.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from minidl.optim.lr_scheduler.cycle import CyclicLR, OneCycleLR
from minidl.optim.lr_scheduler.decay import (
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from minidl.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minidl.optim.lr_scheduler.scheduler import LRScheduler
from minidl.optim.lr_scheduler.sequence import SequentialLR

__all__ = [
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
