"""Which classes a model mistakes for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix

from pj2.analysis.runs import Predictions


@dataclass(frozen=True)
class ConfusedPair:
    """`count` images of class `true` were called `predicted`: `share` of that class."""

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class Confusion:
    """Counts int64[k, k]: row = true class, column = predicted class."""

    classes: tuple[str, ...]
    counts: np.ndarray

    @property
    def images(self) -> np.ndarray:
        """Images of each true class, int64[k]."""
        totals: np.ndarray = self.counts.sum(axis=1)
        return totals

    @property
    def shares(self) -> np.ndarray:
        """Rows divided by their sums, float64[k, k]; NaN for a class without images."""
        with np.errstate(invalid="ignore"):
            quotient: np.ndarray = self.counts / self.images[:, None]
        return quotient

    @property
    def class_accuracy(self) -> np.ndarray:
        """The share of each true class that was recognised (recall), float64[k]."""
        return np.diagonal(self.shares)

    def most_confused(self, top: int) -> list[ConfusedPair]:
        """Return the `top` largest counts off the diagonal; equals in row order, no zeros."""
        errors = self.counts.copy()
        np.fill_diagonal(errors, 0)
        order = np.argsort(-errors, axis=None, kind="stable")[:top]
        pairs = (divmod(int(flat), len(self.classes)) for flat in order)
        shares = self.shares
        return [
            ConfusedPair(self.classes[t], self.classes[p], int(errors[t, p]), float(shares[t, p]))
            for t, p in pairs
            if errors[t, p]
        ]


def confusion(predictions: Predictions) -> Confusion:
    """Count every (true, predicted) pair of classes."""
    indices = np.arange(len(predictions.classes))
    counts = confusion_matrix(predictions.label, predictions.predicted, labels=indices)
    return Confusion(predictions.classes, counts)
