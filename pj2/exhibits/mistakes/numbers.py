"""Images that a model gets wrong, in order of falling confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pj2.errors import UserError
from pj2.runs.reading import Predictions


@dataclass(frozen=True)
class Mistake:
    """One image that most seeds get wrong.

    `index` is its place in the prepared test split. `predicted` is the wrong class that most
    seeds name, `probability` the mean over all seeds of that class's probability, and `wrong` the
    number of seeds that name any wrong class.
    """

    index: int
    true: str
    predicted: str
    probability: float
    wrong: int


def confident_mistakes(predictions: Sequence[Predictions]) -> list[Mistake]:
    """Return the images that more than half of the seeds get wrong, by falling probability.

    `predictions` has one item per seed. If equally many seeds name several wrong classes, the one
    with the greatest mean probability is taken; images with equal probabilities keep their order.
    Raises UserError if the seeds did not see the same images.
    """
    first = predictions[0]
    if any((g.classes, g.images) != (first.classes, first.images) for g in predictions[1:]):
        raise UserError("predictions of several seeds: they cover different images; evaluate again")
    rows = np.arange(len(first.label))
    wrong = np.sum([~guesses.right for guesses in predictions], axis=0)
    # If a seed's probabilities are not numbers, votes alone decide, and the image comes last.
    given = np.stack([guesses.probabilities for guesses in predictions])
    mean = np.nan_to_num(given.mean(0, np.float64))
    votes = np.zeros(mean.shape, np.int64)
    for guesses in predictions:
        votes[rows, guesses.predicted] += 1
    votes[rows, first.label] = 0  # only wrong classes count
    # Mean probabilities, halved, only decide between classes with equally many votes.
    guess = (votes + mean / 2).argmax(axis=1)
    probability = mean[rows, guess]
    order = np.argsort(-probability, kind="stable")
    return [
        Mistake(
            int(first.index[row]),
            first.classes[first.label[row]],
            first.classes[guess[row]],
            float(probability[row]),
            int(wrong[row]),
        )
        for row in order[wrong[order] > len(predictions) / 2]
    ]
