from __future__ import annotations

import numpy as np
import pytest

from pj2.errors import UserError
from pj2.exhibits.mistakes.numbers import Mistake, confident_mistakes
from pj2.runs.reading import Predictions

CLASSES = ("cat", "dog", "fox")


def seed(label, probabilities, index=None) -> Predictions:
    given = np.asarray(probabilities, np.float32)
    index = np.arange(len(label)) if index is None else np.asarray(index)
    return Predictions(CLASSES, np.asarray(label), given.argmax(1), given, index)


def test_one_seed_by_falling_probability_equals_in_order() -> None:
    given = [[0.25, 0.75, 0], [0.25, 0.5, 0.25], [1, 0, 0], [0, 0.25, 0.75]]
    found = confident_mistakes([seed([0, 0, 0, 1], given, index=[10, 11, 12, 13])])
    assert found == [
        Mistake(10, "cat", "dog", 0.75, 1),
        Mistake(13, "dog", "fox", 0.75, 1),
        Mistake(11, "cat", "dog", 0.5, 1),
    ]


def test_three_seeds_by_hand() -> None:
    label = [0, 0, 0, 0]
    found = confident_mistakes(
        [
            # wrong in: all three; two of three; one; all three, each time otherwise sure
            seed(label, [[0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0.75, 0.25]]),
            seed(label, [[0, 0.5, 0.5], [0, 0, 1], [1, 0, 0], [0, 0.25, 0.75]]),
            seed(label, [[0.25, 0, 0.75], [1, 0, 0], [1, 0, 0], [0, 0, 1]]),
        ]
    )
    third = pytest.approx(1 / 3)
    assert found == [
        Mistake(3, "cat", "fox", pytest.approx(2 / 3), 3),  # by two votes
        Mistake(0, "cat", "dog", 0.5, 3),  # its second seed names the first of two equals
        Mistake(1, "cat", "dog", third, 2),  # one vote each, equal means: the first class
    ]


def test_equally_many_votes_are_decided_by_the_mean() -> None:
    found = confident_mistakes([seed([0], [[0, 0.5, 0.25]]), seed([0], [[0, 0, 1]])])
    assert found == [Mistake(0, "cat", "fox", 0.625, 2)]


def test_half_of_the_seeds_are_not_most() -> None:
    assert confident_mistakes([seed([0], [[1, 0, 0]]), seed([0], [[0, 0, 1]])]) == []


def test_votes_stand_without_numbers() -> None:
    sure = seed([1, 1], [[0, 0.25, 0.75], [0.5, 0.25, 0.25]])
    broken = Predictions(
        CLASSES, sure.label, np.array([0, 0]), np.full((2, 3), np.nan, np.float32), sure.index
    )
    assert confident_mistakes([broken, sure]) == [
        Mistake(0, "dog", "cat", 0.0, 2),
        Mistake(1, "dog", "cat", 0.0, 2),
    ]


def test_other_images_are_refused() -> None:
    one = seed([0, 1], [[1, 0, 0], [1, 0, 0]])
    for other in (
        seed([0, 2], one.probabilities),
        seed([0, 1], one.probabilities, index=[0, 2]),
        seed([0], one.probabilities[:1]),
    ):
        with pytest.raises(UserError, match="not of the same images"):
            confident_mistakes([one, other])
