"""What happens beside the training loop: one small protocol, and a file for each use of it."""

from minidl.train.callbacks.callback import Callback
from minidl.train.callbacks.clip_gradients import ClipGradients
from minidl.train.callbacks.early_stopping import EarlyStopping
from minidl.train.callbacks.ema import EMA
from minidl.train.callbacks.files import BestWeights, Checkpoint, CSVLog
from minidl.train.callbacks.mixing import CutMix, Mixup
from minidl.train.callbacks.resizing import ProgressiveResizing
from minidl.train.callbacks.schedule import LRSchedule
from minidl.train.callbacks.statistics import Statistics

__all__ = [
    "EMA",
    "BestWeights",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "ClipGradients",
    "CutMix",
    "EarlyStopping",
    "LRSchedule",
    "Mixup",
    "ProgressiveResizing",
    "Statistics",
]
