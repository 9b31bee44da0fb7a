"""fast.ai's recipe: train the new head, unfreeze, find a learning rate, fine-tune in one cycle.

Aarhus, Deep Learning for Visual Recognition, lecture 7, "Fast.ai approach".
"""

from collections.abc import Callable, Sequence
from typing import Any

from minidl.models.auxiliary import auxiliary_loss
from minidl.nn import Module
from minidl.optim import AdamW
from minidl.optim.lr_scheduler import OneCycleLR
from minidl.optim.optimizer import Optimizer
from minidl.train.callbacks import Callback, LRSchedule
from minidl.train.evaluation import Loss
from minidl.train.history import History
from minidl.train.lr_finder import LRFinding, lr_find
from minidl.train.state import Batches
from minidl.train.trainer import Trainer
from minidl.train.transfer.groups import LayerGroup, Rate, freeze_to, param_groups

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]


class Learner:
    """A pretrained model, its new data, and the few calls that fine-tune it.

        model = models.create("resnet20")
        model.load_state_dict(minidl.load("resnet20.safetensors"))
        replace_head(model, 5)
        learner = Learner(model, train, valid, callbacks=[ProgressBar()])
        learner.fit_one_cycle(1, 1e-2)                     # the head alone: "transfer learning"
        learner.unfreeze()
        learner.lr_find().suggestion
        learner.fit_one_cycle(3, slice(3e-5, 3e-4))        # "fine-tuning"

    At first all but the head is frozen, as after fast.ai's create_cnn; `unfreeze()` first trains
    from scratch. Gradual unfreezing: `freeze_to(2)`, fit, `freeze_to(3)`, fit, … Each fit is a
    training of its own, with a new optimiser.

    Args:
        model: a classifier with a new head (`replace_head`).
        train: batches to learn from, such as a `DataLoader`.
        valid: batches looked at after every epoch; None for none.
        loss: (output, labels) → mean loss; cross-entropy, with auxiliary heads if there are any.
        optimizer: makes an optimiser of parameter groups with "lr" and "weight_decay".
        weight_decay: of weights; norms and biases have none.
        callbacks: what else happens while training.
    """

    def __init__(
        self,
        model: Module,
        train: Batches,
        valid: Batches | None = None,
        loss: Loss = auxiliary_loss,
        optimizer: MakeOptimizer = AdamW,
        weight_decay: float = 1e-2,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.model, self.train, self.valid = model, train, valid
        self.loss, self.optimizer, self.weight_decay = loss, optimizer, weight_decay
        self.callbacks = callbacks
        self.freeze()

    def freeze(self) -> list[LayerGroup]:
        """Let the head alone learn."""
        return self.freeze_to(1)

    def freeze_to(self, n: int) -> list[LayerGroup]:
        """Let the last n `layer_groups` learn."""
        return freeze_to(self.model, n)

    def unfreeze(self) -> None:
        """Let everything learn."""
        self.model.unfreeze()

    def lr_find(self, **options: Any) -> LRFinding:
        """Try learning rates from tiny to huge on what is not frozen; the model stays as it is.

        Args:
            options: as for `minidl.train.lr_find`.
        """
        return lr_find(self.model, self._optimizer(1e-3), self.train, self.loss, **options)

    def fit_one_cycle(self, epochs: int, lr: Rate = 1e-3, pct_start: float = 0.3) -> History:
        """Train what is not frozen, while the learning rate rises once and falls once.

        Args:
            epochs: how many.
            lr: the highest rate: a number, or slice(lowest, highest) from the first layer group to
                the head; slice(highest) is a tenth for all groups but the head. See `param_groups`.
            pct_start: the share of the steps in which the rate rises.

        Returns:
            A row an epoch.
        """
        optimizer = self._optimizer(lr)
        highest = [group["lr"] for group in optimizer.param_groups]
        cycle = OneCycleLR(optimizer, highest, epochs * len(self.train), pct_start)
        callbacks = [*self.callbacks, LRSchedule(cycle, per="step")]
        return Trainer(self.model, optimizer, self.loss, callbacks).fit(
            self.train, self.valid, epochs
        )

    def _optimizer(self, lr: Rate) -> Optimizer:
        return self.optimizer(param_groups(self.model, lr, self.weight_decay))
