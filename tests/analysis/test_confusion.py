from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

from pj2.analysis.confusion import ConfusedPair, confusion
from pj2.analysis.runs import Predictions
from pj2.analysis.statistics import wilson_interval


def guesses(classes, label, predicted):
    sure = np.eye(len(classes), dtype=np.float32)[predicted]
    return Predictions(classes, label, predicted, sure, np.arange(len(label)))


def test_counts_and_shares_agree_with_scikit_learn() -> None:
    source = np.random.default_rng(0)
    label, guess = source.integers(0, 5, 400), source.integers(0, 5, 400)
    predictions = guesses(tuple("abcde"), label, guess)
    result = confusion(predictions)
    assert np.array_equal(result.counts, confusion_matrix(label, guess))
    np.testing.assert_allclose(result.shares, confusion_matrix(label, guess, normalize="true"))
    np.testing.assert_allclose(result.class_accuracy, recall_score(label, guess, average=None))
    assert predictions.correct / 400 == accuracy_score(label, guess)


def test_most_confused_pairs_by_hand() -> None:
    label = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    guess = np.array([1, 1, 1, 0, 2, 1, 1, 2])
    result = confusion(guesses(("cat", "dog", "fox", "owl"), label, guess))
    assert result.most_confused(5) == [
        ConfusedPair("cat", "dog", 3, 0.75),
        ConfusedPair("dog", "fox", 1, 0.5),
        ConfusedPair("fox", "dog", 1, 0.5),
    ]
    assert result.most_confused(1) == result.most_confused(5)[:1]
    assert result.images.tolist() == [4, 2, 2, 0]
    assert np.isnan(result.class_accuracy[3])  # no image of an owl was shown


def test_wilson_interval_has_known_values() -> None:
    assert wilson_interval(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-7)
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-7)
    assert wilson_interval(10, 10) == pytest.approx((0.7224672, 1.0), abs=1e-7)
    with pytest.raises(ValueError, match="must not be greater"):
        wilson_interval(3, 2)
