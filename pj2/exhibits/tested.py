"""Each model at its chosen learning rate, with its predictions for the test images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pj2.runs.reading import (
    Predictions,
    RunRecord,
    by_model,
    chosen_setting,
    model_names,
    test_result,
    tested,
)
from pj2.statistics import Mean, mean_accuracy


@dataclass(frozen=True)
class ModelOnTest:
    """A model's runs that have predictions, one per seed, and the predictions; may be empty.

    `name` identifies the model in a table or figure. `chosen` also has runs without predictions.
    """

    name: str
    chosen: tuple[RunRecord, ...]
    runs: tuple[RunRecord, ...]
    predictions: tuple[Predictions, ...]

    @property
    def images(self) -> int:
        """The number of test images of each run."""
        return len(self.predictions[0].label)


@dataclass(frozen=True)
class Accuracy:
    """A setting's test accuracy: `mean` over its `runs`, one per seed; `images` of each run."""

    runs: tuple[RunRecord, ...]
    mean: Mean
    images: int


def test_accuracy(runs: Iterable[RunRecord]) -> Accuracy | None:
    """Return the test accuracy of a setting's runs that have predictions; None if none has.

    It does not read the probabilities.
    """
    results = [(run, *result) for run in runs if (result := test_result(run))]
    if not results:
        return None
    found, right, images = zip(*results, strict=True)
    shares = [one / n for one, n in zip(right, images, strict=True)]
    return Accuracy(found, mean_accuracy(shares, images[0]), images[0])


def test_accuracies(runs: Iterable[RunRecord]) -> list[Accuracy]:
    """Return the test accuracy of every model that has one, at its `chosen_setting`."""
    each = (test_accuracy(chosen_setting(group)) for group in by_model(runs).values())
    return [accuracy for accuracy in each if accuracy]


def models_on_test(runs: Iterable[RunRecord]) -> Iterator[ModelOnTest]:
    """Yield every model at its `chosen_setting`, one at a time, since predictions are large."""
    groups = by_model(runs)
    names = model_names(run for group in groups.values() for run in group)
    for key, group in groups.items():
        chosen = chosen_setting(group)
        pairs = tested(chosen)
        runs, guesses = tuple(run for run, _ in pairs), tuple(each for _, each in pairs)
        yield ModelOnTest(names[key], tuple(chosen), runs, guesses)
