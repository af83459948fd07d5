"""The costs and the accuracy of a model, and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pj2.exhibits.tested import models_on_test
from pj2.language import tr
from pj2.runs.reading import RunRecord, diverged
from pj2.statistics import NOT_NEGATIVE, SHARE, Mean, mean_interval, wilson_interval
from pj2.wording import hardware_in_words, named, sentences

COSTS = ("parameters", "macs", "seconds")


@dataclass(frozen=True)
class Efficiency:
    """A model at its chosen learning rate: costs, and test accuracy over its seeds.

    `name` identifies the model in a table or figure. `runs` has one run per seed, `chosen` also
    those without predictions; `images` is the number of test images of each run. `seconds` is the
    wall time of a run's epochs. `wilson` is the 95 % Wilson interval of a single seed's accuracy,
    None for several seeds.
    """

    name: str
    chosen: tuple[RunRecord, ...]
    runs: tuple[RunRecord, ...]
    images: int
    accuracy: Mean
    wilson: tuple[float, float] | None
    seconds: Mean

    @property
    def own_name(self) -> str:
        """The model's name, which a model of another experiment may share."""
        return self.runs[0].model

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return int(self.runs[0].info["parameters"])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image's forward pass."""
        return int(self.runs[0].info["macs"])

    @property
    def spread(self) -> tuple[float, float]:
        """The interval drawn: mean ± standard deviation over seeds; one seed's Wilson interval."""
        mean, sd = self.accuracy.mean, self.accuracy.sd
        return self.wilson or (mean - sd, mean + sd)

    def cost(self, name: str) -> float:
        """Return one of `COSTS`; for seconds the mean over seeds."""
        return self.seconds.mean if name == "seconds" else float(getattr(self, name))


def efficiencies(runs: Sequence[RunRecord]) -> tuple[list[Efficiency], list[str]]:
    """Return every model's costs and accuracy, and the names of models without predictions."""
    models, absent = [], []
    for model in models_on_test(runs):
        if not model.runs:
            absent.append(model.name)
            continue
        correct, images = [guesses.correct for guesses in model.predictions], model.images
        models.append(
            Efficiency(
                model.name,
                model.chosen,
                model.runs,
                images,
                mean_interval([n / images for n in correct], SHARE),
                wilson_interval(correct[0], images) if len(correct) == 1 else None,
                mean_interval([float(run.info["seconds"]) for run in model.runs], NOT_NEGATIVE),
            )
        )
    return models, absent


def pareto_front(cost: ArrayLike, value: ArrayLike) -> np.ndarray:
    """Return a mask, bool[n], of the items that no other item dominates.

    An item dominates another if it costs no more, is worth no less, and is better in one of the
    two; equal items are on the front together. An item with a NaN is neither on the front nor
    dominates any.
    """
    cost, value = np.asarray(cost, np.float64), np.asarray(value, np.float64)
    no_worse = (cost[:, None] <= cost) & (value[:, None] >= value)
    better = (cost[:, None] < cost) | (value[:, None] > value)
    beaten = (no_worse & better).any(axis=0)
    return np.asarray(~beaten & ~np.isnan(cost) & ~np.isnan(value))


def fronts(models: Sequence[Efficiency]) -> dict[str, np.ndarray]:
    """Return for each of `COSTS` the mask of models on its Pareto front.

    A model with a diverged run is not on that of seconds: its run ended early.
    """
    accuracy = [model.accuracy.mean for model in models]
    costs = {cost: np.array([model.cost(cost) for model in models]) for cost in COSTS}
    costs["seconds"][[bool(diverged(model.runs)) for model in models]] = np.nan
    return {name: pareto_front(cost, accuracy) for name, cost in costs.items()}


def note_conditions(models: Sequence[Efficiency]) -> str:
    """Return sentences that warn of seconds that cannot be compared; empty if they can."""
    runs = [run for model in models for run in model.runs]
    conditions = list(dict.fromkeys(map(_condition, runs)))
    unlike = tr(
        "Seconds were measured under different conditions ({conditions}) and are not comparable.",
        conditions=named(conditions),
    )
    ended = tr("A model with a diverged run is not on the front of seconds.")
    return sentences(unlike if len(conditions) > 1 else "", ended if diverged(runs) else "")


def _condition(run: RunRecord) -> str:
    """Return the conditions that a run's speed depends on, beside its settings."""
    return tr(
        "{hardware}, {precision}",
        hardware=hardware_in_words(run.info["hardware"]),
        precision=run.info["precision"]["used"],
    )
