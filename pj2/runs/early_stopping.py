"""When to stop, and which epoch to keep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class EarlyStopping:
    """Keeps the best value of a monitored accuracy and counts the epochs since.

    A tie is not an improvement: the earlier epoch is kept. With `patience`
    None a run uses its whole budget of epochs.
    """

    patience: int | None
    best_epoch: int | None = None
    best_value: float = float("-inf")
    epochs_since: int = 0

    def update(self, epoch: int, value: float) -> bool:
        """Take an epoch's accuracy; return whether it is the best so far."""
        if value > self.best_value:
            self.best_epoch, self.best_value, self.epochs_since = epoch, value, 0
            return True
        self.epochs_since += 1
        return False

    @property
    def should_stop(self) -> bool:
        """Tell whether `patience` epochs have passed without a better one."""
        return self.patience is not None and self.epochs_since >= self.patience
