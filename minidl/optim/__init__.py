"""Optimisers step parameters along their gradients; schedulers set the optimisers' rates.

Names, arguments and defaults are those of torch.optim and torch.nn.utils.
"""

from minidl.optim import lr_scheduler
from minidl.optim.adagrad import Adagrad
from minidl.optim.adam import Adam
from minidl.optim.adamw import AdamW
from minidl.optim.clip import clip_grad_norm_, clip_grad_value_
from minidl.optim.decay import decay_groups
from minidl.optim.optimizer import Optimizer
from minidl.optim.rmsprop import RMSprop
from minidl.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "decay_groups",
    "lr_scheduler",
]
