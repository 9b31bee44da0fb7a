"""Training: the loop, its callbacks, what it measures and what it keeps in files."""

from minidl.train.callbacks import (
    EMA,
    BestWeights,
    Callback,
    Checkpoint,
    ClipGradients,
    CSVLog,
    CutMix,
    EarlyStopping,
    LRSchedule,
    Mixup,
    ProgressiveResizing,
    Statistics,
)
from minidl.train.checkpoint import CheckpointError
from minidl.train.ensemble import average_opinions, evaluate_ensemble
from minidl.train.evaluation import Evaluation, evaluate
from minidl.train.history import History
from minidl.train.lr_finder import LRFinding, lr_find
from minidl.train.metrics import accuracy, confusion_matrix
from minidl.train.progress import ProgressBar
from minidl.train.ranges import Choice, LogUniform, Uniform, draw_settings
from minidl.train.search import Rung, climb, halving, ranking
from minidl.train.state import State
from minidl.train.trainer import DivergedError, Trainer
from minidl.train.views import five_crops, flips, multi_scale, ten_crops

__all__ = [
    "EMA",
    "BestWeights",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "CheckpointError",
    "Choice",
    "ClipGradients",
    "CutMix",
    "DivergedError",
    "EarlyStopping",
    "Evaluation",
    "History",
    "LRFinding",
    "LRSchedule",
    "LogUniform",
    "Mixup",
    "ProgressBar",
    "ProgressiveResizing",
    "Rung",
    "State",
    "Statistics",
    "Trainer",
    "Uniform",
    "accuracy",
    "average_opinions",
    "climb",
    "confusion_matrix",
    "draw_settings",
    "evaluate",
    "evaluate_ensemble",
    "five_crops",
    "flips",
    "halving",
    "lr_find",
    "multi_scale",
    "ranking",
    "ten_crops",
]
