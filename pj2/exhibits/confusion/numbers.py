"""Which classes a model confuses, over all its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pj2.runs.reading import Predictions


@dataclass(frozen=True)
class ConfusedPair:
    """A mistake: `count` images, a `share` of class `true`, were predicted as `predicted`.

    The count is a mean over seeds; `sd` is its standard deviation (NaN for one seed).
    """

    true: str
    predicted: str
    count: float
    share: float
    sd: float


@dataclass(frozen=True)
class Confusion:
    """The confusion matrices ``each``: int64[seeds, k, k], row = true class, column = predicted."""

    classes: tuple[str, ...]
    each: np.ndarray

    @property
    def seeds(self) -> int:
        """The number of runs counted."""
        return len(self.each)

    @property
    def counts(self) -> np.ndarray:
        """The mean of the counts over seeds, float64[k, k]."""
        return np.asarray(self.each.mean(axis=0))

    @property
    def spread(self) -> np.ndarray:
        """The standard deviation of the counts over seeds, float64[k, k]; NaN for one seed."""
        if self.seeds == 1:
            return np.full(self.each.shape[1:], np.nan)
        return np.asarray(self.each.std(axis=0, ddof=1))

    @property
    def images(self) -> np.ndarray:
        """The number of images of each true class, int64[k]."""
        return np.asarray(self.each[0].sum(axis=1))

    @property
    def shares(self) -> np.ndarray:
        """Rows divided by their sums, float64[k, k]; NaN for a class without images."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.counts / self.images[:, None])

    @property
    def class_accuracy(self) -> np.ndarray:
        """The share of each true class that was recognised (recall), float64[k]."""
        return np.diagonal(self.shares)

    def most_confused(self, top: int) -> list[ConfusedPair]:
        """Return the `top` largest counts off the diagonal, without zeros; ties keep row order."""
        errors = self.counts.copy()
        np.fill_diagonal(errors, 0)
        order = np.argsort(-errors, axis=None, kind="stable")[:top]
        pairs = (divmod(int(flat), len(self.classes)) for flat in order)
        names, shares, spread = self.classes, self.shares, self.spread
        return [
            ConfusedPair(
                names[t], names[p], float(errors[t, p]), float(shares[t, p]), float(spread[t, p])
            )
            for t, p in pairs
            if errors[t, p]
        ]


def confusion(predictions: Sequence[Predictions]) -> Confusion:
    """Count every (true, predicted) pair of classes in the predictions of each seed."""
    return Confusion(predictions[0].classes, np.stack([each.counts for each in predictions]))
