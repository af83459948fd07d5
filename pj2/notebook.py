"""A finished study in a notebook: its runs as tables, its bands, its networks.

Everything here is also an attribute of ``pj2`` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pj2.errors import UserError
from pj2.exhibits.comparison.table import runs_table
from pj2.exhibits.landscape.numbers import landscape_band
from pj2.runs import reading
from pj2.runs.files import BEST
from pj2.runs.reading import PathLike, RunRecord

if TYPE_CHECKING:
    from torch import nn

_KEYS = ("experiment", "model", "learning_rate", "seed")


@dataclass(frozen=True)
class Runs:
    """The finished runs of a study. Each table has the keys experiment, model, learning_rate, seed.

    Attributes:
        records: one for each run; the tables are read from them.
    """

    records: tuple[RunRecord, ...]

    @property
    def runs(self) -> pd.DataFrame:
        """One row per run: status, accuracies as fractions with 95 % Wilson intervals, cost."""
        return runs_table(self.records)

    @property
    def steps(self) -> pd.DataFrame:
        """One row per optimizer step: loss of its minibatch in nats, norm of the gradient."""
        return self._together(reading.steps)

    @property
    def epochs(self) -> pd.DataFrame:
        """One row per epoch: losses in nats and accuracies as fractions, of each split."""
        return self._together(reading.epochs)

    @property
    def predictions(self) -> pd.DataFrame:
        """One row per test image: its index in the split, true and predicted class, probability.

        The probability is that of the predicted class. A run that diverged without a whole
        epoch has no rows.
        """
        return self._together(_guesses)

    def where(self, **keys: Any) -> Runs:
        """Return the runs whose keys have these values: ``where(model="VGG_A", seed=0)``.

        Raises UserError for an unknown key.
        """
        for key in keys:
            if key not in _KEYS:
                raise UserError(f"where: {key}: unknown key; the keys are {', '.join(_KEYS)}")
        chosen = (r for r in self.records if all(getattr(r, k) == v for k, v in keys.items()))
        return Runs(tuple(chosen))

    def _together(self, table: Callable[[RunRecord], pd.DataFrame]) -> pd.DataFrame:
        parts = []
        for run in self.records:
            part = table(run)
            for place, key in enumerate(_KEYS):
                part.insert(place, key, getattr(run, key))
            parts.append(part)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _guesses(run: RunRecord) -> pd.DataFrame:
    found = reading.predictions(run)
    if found is None:
        return pd.DataFrame()
    names = np.asarray(found.classes)
    return pd.DataFrame(
        {
            "image": found.index,
            "label": names[found.label],
            "predicted": names[found.predicted],
            "probability": found.probabilities.max(axis=1),
        }
    )


def load_runs(study: PathLike) -> Runs:
    """Return the runs of a study that ``snakemake`` finished.

    Args:
        study: its folder, such as ``results/default``.

    Raises:
        UserError: if there are none.
    """
    index = sorted(Path(study, "index").glob("*/*.json"))
    if not index:
        raise UserError(
            f"{study}: holds no finished runs; expected a folder such as results/default"
        )
    return Runs(tuple(reading.load_runs(index)))


def band(runs: Runs) -> pd.DataFrame:
    """Return the least and the greatest loss over learning rates at each step.

    Columns: model, seed, step (from 0), min, max (nats).

    Raises:
        UserError: if the runs are of several experiments.
    """
    names = sorted({run.experiment for run in runs.records})
    if len(names) != 1:
        raise UserError(f"band: runs of {', '.join(names) or 'none'}; expected one experiment")
    frame: pd.DataFrame = landscape_band(runs.records).to_pandas()
    return frame


def build_model(
    name: str, classes: int = 10, seed: int = 0, architecture: Mapping[str, Any] | None = None
) -> nn.Module:
    """Return a network with PyTorch's initial weights.

    Args:
        name: a registered model, such as ``VGG_A``.
        classes: the number of classes.
        seed: draws the weights.
        architecture: the model's own options, such as ``{"width": 0.25}``.
    """
    from pj2.models.registry import build_model

    return build_model(name, classes, seed=seed, architecture=architecture)


def load_model(run: RunRecord) -> nn.Module:
    """Return the network of a run with its best weights, on the CPU, in evaluation mode.

    Raises:
        UserError: if the weights are damaged, or the run diverged without a chosen epoch.
    """
    import torch

    from pj2.config.study import RunSettings
    from pj2.evaluation.weights import load_trained

    if run.best_epoch is None:
        raise UserError(f"{run.folder}: the run diverged, and no epoch of it was chosen")
    settings = RunSettings.model_validate(run.info["settings"])
    classes = reading.count_classes(run)
    return load_trained(run.folder / BEST, settings, classes, torch.device("cpu")).eval()
