"""Whether a model's probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from pj2.language import said, tr
from pj2.runs.reading import Predictions, RunRecord
from pj2.wording import named

BINS = 15


@dataclass(frozen=True)
class Bins:
    """Images by the greatest probability they were given, in bins of equal width.

    Bin i holds what is above ``edges[i]`` and at most ``edges[i + 1]``, the first one also
    0: `edges` is float64[bins + 1], from 0 to 1. `count` is int64[bins]; `confidence`, the
    mean of the greatest probability, and `accuracy`, the share that was recognised, are
    float64[bins], NaN where there is no image.
    """

    edges: np.ndarray
    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """The share of all images in each bin, float64[bins]."""
        return np.asarray(self.count / max(1, self.count.sum()))


@dataclass(frozen=True)
class Calibration:
    """What the probabilities of images say, beside what is true of these images.

    `nll`: the mean negative log-likelihood of the true class, in nats. `ece`: the expected
    calibration error, which is the mean over images of how far accuracy and confidence of
    their bin lie apart (Guo et al. 2017, equation 3). `accuracy`: the share of images that
    were recognised; `confidence`: the mean of the greatest probability.
    """

    nll: float
    ece: float
    accuracy: float
    confidence: float
    bins: Bins


def calibration(predictions: Sequence[Predictions], bins: int = BINS) -> Calibration:
    """Measure the probabilities of a run's images; those of several runs are pooled.

    They are divided by their sums, which float32 leaves up to 1e-6 away from 1. In the
    negative log-likelihood a probability below 2.2e-16 (float64's epsilon; float32's
    softmax can be 0) counts as that, so that no image costs more than 36 nats. If some
    probability is not a number, all but the accuracy is NaN.
    """
    label, right, given = (
        np.concatenate([getattr(guesses, name) for guesses in predictions])
        for name in ("label", "right", "probabilities")
    )
    given = given.astype(np.float64)
    accuracy = float(right.mean())
    if not np.isfinite(given).all():
        nothing = np.full(bins, np.nan)
        empty = Bins(_edges(bins), np.zeros(bins, np.int64), nothing, nothing)
        return Calibration(np.nan, np.nan, accuracy, np.nan, empty)
    given /= given.sum(axis=1, keepdims=True)
    # A quotient of floats can be above 1 by its last digit.
    confidence = np.minimum(given.max(axis=1), 1.0)
    binned = _bin(confidence, right, bins)
    filled = binned.count > 0
    gap = np.abs(binned.accuracy - binned.confidence)
    return Calibration(
        nll=float(log_loss(label, given, labels=np.arange(given.shape[1]))),
        ece=float(np.average(gap[filled], weights=binned.count[filled])),
        accuracy=accuracy,
        confidence=float(confidence.mean()),
        bins=binned,
    )


def note_losses(shown: Mapping[str, RunRecord]) -> str:
    """Return what is to be known of the losses that models were trained with, each by its name.

    Label smoothing lowers confidence on purpose, and other losses than cross-entropy do
    not ask for probabilities at all. Nothing is said where there is neither.
    """
    losses = {name: run.info["settings"]["loss"] for name, run in shown.items()}
    smoothed = [
        tr("{name} ({detail})", name=name, detail=f"{loss['label_smoothing']:g}")
        for name, loss in losses.items()
        if loss.get("label_smoothing")
    ]
    others = [
        tr("{name} ({detail})", name=name, detail=_loss_in_words(loss["name"]))
        for name, loss in losses.items()
        if loss["name"] != "cross_entropy"
    ]
    notes = {
        said("Label smoothing, which lowers confidence: {models}."): smoothed,
        said("Trained with a loss that asks for no probabilities: {models}."): others,
    }
    return " ".join(tr(note, models=named(models)) for note, models in notes.items() if models)


def _loss_in_words(name: str) -> str:
    words = {"squared_error": tr("squared error"), "multi_margin": tr("multi margin")}
    return words.get(name, name)


def _edges(bins: int) -> np.ndarray:
    return np.linspace(0.0, 1.0, bins + 1)


def _bin(confidence: np.ndarray, right: np.ndarray, bins: int) -> Bins:
    edges = _edges(bins)
    # As in calibration_curve a value on an edge belongs below it; np.histogram puts it above.
    place = np.digitize(confidence, edges[1:-1], right=True)
    count = np.bincount(place, minlength=bins)
    means = np.full((2, bins), np.nan)
    # It leaves empty bins out.
    means[:, count > 0] = calibration_curve(
        right.astype(np.int64), confidence, n_bins=bins, strategy="uniform", pos_label=1
    )
    return Bins(edges, count, confidence=means[1], accuracy=means[0])
