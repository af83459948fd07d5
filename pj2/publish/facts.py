"""Facts about a trained model, computed from its published runs. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from pj2.config.datasets import DATASETS
from pj2.exhibits.calibration.numbers import Calibration, calibration
from pj2.exhibits.confusion.numbers import Confusion, confusion
from pj2.exhibits.tested import test_accuracy
from pj2.runs.reading import (
    Predictions,
    RunRecord,
    at_best_epoch,
    best_runs,
    by_setting,
    choosing_in_words,
    chosen_setting,
    tested,
)
from pj2.statistics import Mean, mean_accuracy


@dataclass(frozen=True)
class Setting:
    """A model at one learning rate, over its seeds; `runs` are those that were trained."""

    runs: tuple[RunRecord, ...]

    @property
    def lr(self) -> str:
        """The learning rate in canonical spelling."""
        return self.runs[0].lr

    @property
    def finished(self) -> list[RunRecord]:
        """The runs with a finished epoch, and so with weights."""
        return [run for run in self.runs if run.best_epoch is not None]

    @cached_property
    def test(self) -> Mean | None:
        """The test accuracy at the chosen epochs; None if no run finished an epoch."""
        found = test_accuracy(self.runs)
        return found.mean if found else None

    @cached_property
    def validation(self) -> Mean | None:
        """The validation accuracy at the chosen epochs; None without validation images."""
        rows = [row for run in self.finished if (row := at_best_epoch(run)) is not None]
        images = int(self.runs[0].info["data"]["validation_images"])
        if not rows or not images:
            return None
        return mean_accuracy([float(row["val_accuracy"]) for row in rows], images)


@dataclass(frozen=True)
class Weights:
    """A tensor of a weights file: its name, shape and type."""

    name: str
    shape: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class Model:
    """A model of an experiment with all of its runs; `data` is ``dataset.json``."""

    study: str
    runs: tuple[RunRecord, ...]
    data: Mapping[str, Any]

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return self.runs[0].experiment

    @property
    def name(self) -> str:
        """The model's name, with the levels of its variant if it is one."""
        return self.runs[0].model

    @property
    def info(self) -> Mapping[str, Any]:
        """The facts that all of its runs share, from the first one's run.json."""
        return self.runs[0].info

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the labels."""
        return list(self.data["classes"])

    @property
    def title(self) -> str:
        """The data set's name as it is published."""
        facts = DATASETS.get(self.data["name"])
        return facts.title if facts else str(self.data["name"])

    @cached_property
    def settings(self) -> list[Setting]:
        """Its learning rates, in the order of the config."""
        return [Setting(tuple(runs)) for runs in by_setting(self.runs).values()]

    @cached_property
    def chosen(self) -> Setting:
        """The setting at the chosen learning rate, see `chosen_setting`."""
        return Setting(tuple(chosen_setting(self.runs)))

    @property
    def choosing(self) -> str:
        """The accuracy that chose the learning rate, in words."""
        return choosing_in_words(self.runs)

    @cached_property
    def shown(self) -> RunRecord | None:
        """The chosen setting's best run, if it has weights."""
        best = best_runs(self.chosen.runs)[0]
        return best if best.best_epoch is not None else None

    @cached_property
    def predictions(self) -> list[Predictions]:
        """The predictions of the runs at the chosen learning rate for the test images."""
        return [guesses for _, guesses in tested(self.chosen.runs)]

    @cached_property
    def confusion(self) -> Confusion:
        """The confusion matrix of these runs."""
        return confusion(self.predictions)

    @cached_property
    def calibrations(self) -> list[Calibration]:
        """The calibration of each of these runs."""
        return [calibration([guesses]) for guesses in self.predictions]

    def mean_calibration(self, measure: str) -> float:
        """Return one measure of `calibrations`, the mean over runs."""
        return float(np.mean([getattr(run, measure) for run in self.calibrations]))


def weights_of(path: Path) -> list[Weights]:
    """Return the tensors of a safetensors file, in the order of the layers."""
    with safe_open(path, framework="numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        tensors = [Weights(k, tuple(v.get_shape()), v.get_dtype()) for k, v in slices.items()]
    return sorted(tensors, key=lambda tensor: _by_number(tensor.name))


def _by_number(name: str) -> list[tuple[bool, int, str]]:
    """A key that sorts ``features.10`` after ``features.9``."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
