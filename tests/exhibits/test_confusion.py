from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

from pj2.exhibits.confusion.numbers import ConfusedPair, confusion
from pj2.runs.reading import Predictions


def guesses(classes, label, predicted):
    sure = np.eye(len(classes), dtype=np.float32)[predicted]
    return Predictions(classes, label, predicted, sure, np.arange(len(label)))


def test_counts_and_shares_agree_with_scikit_learn() -> None:
    source = np.random.default_rng(0)
    label, guess = source.integers(0, 5, 400), source.integers(0, 5, 400)
    predictions = guesses(tuple("abcde"), label, guess)
    result = confusion([predictions])
    assert np.array_equal(result.counts, confusion_matrix(label, guess))
    np.testing.assert_allclose(result.shares, confusion_matrix(label, guess, normalize="true"))
    np.testing.assert_allclose(result.class_accuracy, recall_score(label, guess, average=None))
    assert predictions.correct / 400 == accuracy_score(label, guess)


def test_most_confused_pairs_by_hand() -> None:
    label = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    guess = np.array([1, 1, 1, 0, 2, 1, 1, 2])
    result = confusion([guesses(("cat", "dog", "fox", "owl"), label, guess)])
    found = [astuple(pair)[:4] for pair in result.most_confused(5)]
    assert found == [("cat", "dog", 3, 0.75), ("dog", "fox", 1, 0.5), ("fox", "dog", 1, 0.5)]
    assert [pair.true for pair in result.most_confused(1)] == ["cat"]
    assert np.isnan(result.spread).all()  # of one seed nothing is known
    assert result.images.tolist() == [4, 2, 2, 0]
    assert np.isnan(result.class_accuracy[3])  # no image of an owl was shown


def test_over_seeds_counts_are_means_with_their_standard_deviation() -> None:
    label = np.array([0, 0, 0, 0, 1, 1])
    first = guesses(("cat", "dog"), label, np.array([1, 1, 1, 0, 1, 1]))
    second = guesses(("cat", "dog"), label, np.array([1, 0, 0, 0, 1, 0]))
    result = confusion([first, second])
    assert result.counts.tolist() == [[2.0, 2.0], [0.5, 1.5]]
    assert result.class_accuracy.tolist() == [0.5, 0.75]
    sd = 2**0.5
    assert result.most_confused(2) == [
        ConfusedPair("cat", "dog", 2.0, 0.5, pytest.approx(sd)),
        ConfusedPair("dog", "cat", 0.5, 0.25, pytest.approx(sd / 2)),
    ]
