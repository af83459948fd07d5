"""What a model costs, beside how well it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pj2.exhibits.tested import models_on_test
from pj2.language import tr
from pj2.runs.reading import RunRecord
from pj2.statistics import NOT_NEGATIVE, SHARE, Mean, mean_interval, wilson_interval
from pj2.wording import hardware_in_words, named

COSTS = ("parameters", "macs", "seconds")


@dataclass(frozen=True)
class Efficiency:
    """A model at its chosen learning rate: costs, and test accuracy over its seeds.

    `name` tells the model from others in a table or figure. `runs` has one run a seed,
    `images` counts the test images that each saw. `seconds` is the wall time of a run's
    epochs, `wilson` the 95 % Wilson interval of a single seed's accuracy, None of more.
    """

    name: str
    runs: tuple[RunRecord, ...]
    images: int
    accuracy: Mean
    wilson: tuple[float, float] | None
    seconds: Mean

    @property
    def own_name(self) -> str:
        """The model's name, which one in another experiment may have too."""
        return self.runs[0].model

    @property
    def parameters(self) -> int:
        """How many numbers the model learns."""
        return int(self.runs[0].info["parameters"])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image's forward pass."""
        return int(self.runs[0].info["macs"])

    @property
    def spread(self) -> tuple[float, float]:
        """From where to where its accuracy is drawn: the Wilson interval of a single seed, of
        several their mean ± standard deviation."""
        mean, sd = self.accuracy.mean, self.accuracy.sd
        return self.wilson or (mean - sd, mean + sd)

    def cost(self, name: str) -> float:
        """Return one of `COSTS`, seconds as their mean over seeds."""
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
                model.runs,
                images,
                mean_interval([n / images for n in correct], SHARE),
                wilson_interval(correct[0], images) if len(correct) == 1 else None,
                mean_interval([float(run.info["seconds"]) for run in model.runs], NOT_NEGATIVE),
            )
        )
    return models, absent


def pareto_front(cost: ArrayLike, value: ArrayLike) -> np.ndarray:
    """Tell which of n items no other dominates, bool[n].

    An item dominates another if it costs no more, is worth no less, and is better in one
    of the two; equals are on the front together. One with a NaN never is, nor does it
    dominate any.
    """
    cost, value = np.asarray(cost, np.float64), np.asarray(value, np.float64)
    no_worse = (cost[:, None] <= cost) & (value[:, None] >= value)
    better = (cost[:, None] < cost) | (value[:, None] > value)
    beaten = (no_worse & better).any(axis=0)
    return np.asarray(~beaten & ~np.isnan(cost) & ~np.isnan(value))


def fronts(models: Sequence[Efficiency]) -> dict[str, np.ndarray]:
    """Tell for each of `COSTS` which models are on the front of least cost and most accuracy."""
    accuracy = [model.accuracy.mean for model in models]
    return {cost: pareto_front([model.cost(cost) for model in models], accuracy) for cost in COSTS}


def note_conditions(models: Sequence[Efficiency]) -> str:
    """Return a sentence that warns of seconds which cannot be compared; nothing if they can."""
    conditions = list(dict.fromkeys(_condition(run) for model in models for run in model.runs))
    if len(conditions) < 2:
        return ""
    return tr(
        "Seconds were measured under different conditions ({conditions}) and do not compare "
        "across them.",
        conditions=named(conditions),
    )


def _condition(run: RunRecord) -> str:
    """Return what the speed of a run depends on beside its settings."""
    return tr(
        "{hardware}, {precision}",
        hardware=hardware_in_words(run.info["hardware"]),
        precision=run.info["precision"]["used"],
    )
