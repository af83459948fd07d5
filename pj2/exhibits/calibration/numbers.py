"""Calibration of predicted probabilities: bins of confidence, ECE and NLL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from pj2.language import said, tr
from pj2.runs.reading import Predictions, RunRecord, minimises_cross_entropy
from pj2.wording import named

BINS = 15
DRAWS = 1_000
"""The number of simulated test sets of a calibrated model."""
_CELLS = 1_000_000  # in one array of simulated images


@dataclass(frozen=True)
class Bins:
    """Images grouped by confidence, their greatest predicted probability, in bins of equal width.

    Bin i holds confidences above ``edges[i]`` and up to ``edges[i + 1]``; the first bin also
    holds 0. `edges` is float64[bins + 1], from 0 to 1, and `count` int64[bins]. `confidence` (the
    mean) and `accuracy` (the share of images classified correctly) are float64[bins], NaN for an
    empty bin.
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
    """Calibration measures of a set of predictions.

    `nll`: the mean negative log-likelihood of the true class, in nats. `ece`: the expected
    calibration error, the mean over images of the distance between the accuracy and the
    confidence of their bin (Guo et al. 2017, equation 3). `accuracy`: the share of images
    classified correctly; `confidence`: the mean of the greatest probability.
    """

    nll: float
    ece: float
    accuracy: float
    confidence: float
    bins: Bins


def calibration(predictions: Sequence[Predictions], bins: int = BINS) -> Calibration:
    """Measure the calibration of one run's predictions, or of several runs' pooled.

    Probabilities are first divided by their sum, which in float32 differs from 1 by up to 1e-6.
    The negative log-likelihood replaces a probability below 2.2e-16 (float64's epsilon; float32's
    softmax can be 0) by that value, so no image costs more than 36 nats. If any probability is
    not finite, every measure but the accuracy is NaN.
    """
    label, right, given = (
        np.concatenate([getattr(guesses, name) for guesses in predictions])
        for name in ("label", "right", "probabilities")
    )
    accuracy = float(right.mean())
    given = _normalised(given)
    if not np.isfinite(given).all():
        nothing = np.full(bins, np.nan)
        empty = Bins(_edges(bins), np.zeros(bins, np.int64), nothing, nothing)
        return Calibration(np.nan, np.nan, accuracy, np.nan, empty)
    confidence = _confidence(given)
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


def ece_if_calibrated(predictions: Predictions, bins: int = BINS, draws: int = DRAWS) -> float:
    """Return the mean ECE that a perfectly calibrated model with these confidences would have.

    It is above 0, since few bins contain exactly the expected number of correct images. Each of
    the `draws` makes an image correct with a probability equal to its confidence; the random
    generator has a fixed seed. NaN if any probability is not finite.
    """
    given = _normalised(predictions.probabilities)
    if not np.isfinite(given).all():
        return float("nan")
    confidence = np.sort(_confidence(given))
    _, first = np.unique(_place(confidence, bins), return_index=True)
    sums = np.add.reduceat(confidence, first)
    source = np.random.default_rng(0)
    total, rows = 0.0, max(1, _CELLS // len(confidence))
    for start in range(0, draws, rows):
        drawn = source.random((min(rows, draws - start), len(confidence))) < confidence
        right = np.add.reduceat(drawn, first, axis=1, dtype=np.int64)
        total += float(np.abs(right - sums).sum())
    return total / (draws * len(confidence))


def _normalised(given: np.ndarray) -> np.ndarray:
    """Return probabilities that add up to 1, float64[n, classes]."""
    wide = given.astype(np.float64)
    return np.asarray(wide / wide.sum(axis=1, keepdims=True))


def _confidence(given: np.ndarray) -> np.ndarray:
    """Return the greatest probability of each image, float64[n]."""
    # Rounding can leave a quotient just above 1.
    return np.asarray(np.minimum(given.max(axis=1), 1.0))


def note_losses(shown: Mapping[str, RunRecord]) -> str:
    """Return sentences that name the models trained with label smoothing or without cross-entropy.

    Label smoothing lowers confidence on purpose, and other losses do not fit probabilities.
    """
    losses = {name: run.info["settings"]["loss"] for name, run in shown.items()}
    smoothed = [
        tr("{name} ({detail})", name=name, detail=f"{loss['label_smoothing']:g}")
        for name, loss in losses.items()
        if loss.get("label_smoothing")
    ]
    others = [
        tr("{name} ({detail})", name=name, detail=_loss_in_words(losses[name]["name"]))
        for name, run in shown.items()
        if not minimises_cross_entropy(run)
    ]
    notes = {
        said("Label smoothing, which lowers confidence: {models}."): smoothed,
        said("Trained with a loss that does not fit probabilities: {models}."): others,
    }
    return " ".join(tr(note, models=named(models)) for note, models in notes.items() if models)


def _loss_in_words(name: str) -> str:
    words = {"squared_error": tr("squared error"), "multi_margin": tr("multi margin")}
    return words.get(name, name)


def _edges(bins: int) -> np.ndarray:
    return np.linspace(0.0, 1.0, bins + 1)


def _bin(confidence: np.ndarray, right: np.ndarray, bins: int) -> Bins:
    count = np.bincount(_place(confidence, bins), minlength=bins)
    means = np.full((2, bins), np.nan)
    # calibration_curve leaves out empty bins.
    means[:, count > 0] = calibration_curve(
        right.astype(np.int64), confidence, n_bins=bins, strategy="uniform", pos_label=1
    )
    return Bins(_edges(bins), count, confidence=means[1], accuracy=means[0])


def _place(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Return the index of each confidence's bin."""
    # As in calibration_curve, a value on an edge belongs to the bin below; np.histogram puts it
    # above.
    return np.asarray(np.digitize(confidence, _edges(bins)[1:-1], right=True))
