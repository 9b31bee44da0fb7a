"""Training: the loop, its callbacks, what it measures and what it keeps in files."""

from minidl.train.callbacks import BestWeights, Callback, Checkpoint, CSVLog, LRSchedule
from minidl.train.checkpoint import CheckpointError
from minidl.train.evaluation import Evaluation, evaluate
from minidl.train.history import History
from minidl.train.metrics import accuracy, confusion_matrix
from minidl.train.progress import ProgressBar
from minidl.train.state import State
from minidl.train.trainer import DivergedError, Trainer

__all__ = [
    "BestWeights",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "CheckpointError",
    "DivergedError",
    "Evaluation",
    "History",
    "LRSchedule",
    "ProgressBar",
    "State",
    "Trainer",
    "accuracy",
    "confusion_matrix",
    "evaluate",
]
