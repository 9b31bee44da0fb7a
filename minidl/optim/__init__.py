"""Optimisers step parameters along their gradients; schedulers set the optimisers' rates.

Names, arguments and defaults are those of torch.optim.
"""

from minidl.optim import lr_scheduler
from minidl.optim.optimizer import Optimizer
from minidl.optim.sgd import SGD

__all__ = ["SGD", "Optimizer", "lr_scheduler"]
