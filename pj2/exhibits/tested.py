"""Each model at the learning rate that stands for it, with what it says of the test images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pj2.runs.reading import Predictions, RunRecord, by_model, chosen_setting, model_names, tested


@dataclass(frozen=True)
class ModelOnTest:
    """A model's runs that have predictions, one a seed, and these; none if no run has any.

    `name` tells the model from others in a table or figure.
    """

    name: str
    runs: tuple[RunRecord, ...]
    predictions: tuple[Predictions, ...]

    @property
    def images(self) -> int:
        """How many test images each run saw."""
        return len(self.predictions[0].label)


def models_on_test(runs: Iterable[RunRecord]) -> Iterator[ModelOnTest]:
    """Yield every model at its `chosen_setting`, one after another: predictions are large."""
    groups = by_model(runs)
    names = model_names(run for group in groups.values() for run in group)
    for key, group in groups.items():
        pairs = tested(chosen_setting(group))
        yield ModelOnTest(names[key], tuple(run for run, _ in pairs), tuple(p for _, p in pairs))
