"""Calibration measures of each model on the test set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from pj2.config.names import learning_rate_text
from pj2.exhibits.calibration.numbers import (
    BINS,
    DRAWS,
    calibration,
    ece_if_calibrated,
    note_losses,
)
from pj2.exhibits.cautions import cautions, diverged_runs
from pj2.exhibits.format import MEAN_PARTS, Table, count, mean_columns, mean_sd
from pj2.exhibits.tested import ModelOnTest, models_on_test
from pj2.language import said, tr
from pj2.runs.reading import PathLike, RunRecord, load_runs
from pj2.statistics import NOT_NEGATIVE, SHARE, Mean, mean_interval
from pj2.wording import never_finished, sentences

_IDENTITY = ("experiment", "model", "learning_rate", "seeds", "n", "label_smoothing")
_MEASURES = {
    "accuracy": SHARE, "nll": NOT_NEGATIVE, "ece": SHARE, "ece_if_calibrated": SHARE,
    "confidence": SHARE,
}  # fmt: skip
_CAPTION = said(
    "Each model is at its chosen learning rate. Mean ± standard deviation over seeds. NLL: "
    "negative log-likelihood, nats. ECE: expected calibration error, {bins} bins. ECE if "
    "calibrated: mean ECE of a perfectly calibrated model ({draws:,} simulations). Confidence "
    "above the accuracy: overconfident. n: test images."
)


def calibration_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row per model, at its chosen learning rate.

    CSV: ``experiment, model, learning_rate, seeds`` (how many), ``n`` (test images),
    ``label_smoothing``, then ``accuracy`` (a fraction), ``nll`` (nats), ``ece``,
    ``ece_if_calibrated`` and ``confidence`` (fractions), each as ``_mean``, ``_sd`` (over seeds),
    ``_low`` and ``_high`` (95 % Student interval of the mean); with one seed the last three are
    empty. See `pj2.exhibits.calibration.numbers.Calibration`.
    """
    rows, shown, absent = [], [], []
    first: dict[str, RunRecord] = {}
    chosen: list[RunRecord] = []
    compared: list[RunRecord] = []
    for model in models_on_test(load_runs(index_paths)):
        if not model.runs:
            absent.append(model.name)
            continue
        first[model.name] = model.runs[0]
        chosen += model.chosen
        compared += model.runs
        each = [
            vars(calibration([guesses])) | {"ece_if_calibrated": ece_if_calibrated(guesses)}
            for guesses in model.predictions
        ]
        means = {
            name: mean_interval([measured[name] for measured in each], within)
            for name, within in _MEASURES.items()
        }
        rows.append(_row(model, means))
        shown.append(_shown(model.name, rows[-1], means))
    spread = [f"{name}_{part}" for name in _MEASURES for part in MEAN_PARTS]
    return Table.of(
        pd.DataFrame(rows, columns=[*_IDENTITY, *spread]),
        caption=sentences(
            tr(_CAPTION, bins=BINS, draws=DRAWS),
            note_losses(first),
            diverged_runs(chosen),
            cautions(compared),
            never_finished(absent),
        ),
        shown=shown,
    )


def _row(model: ModelOnTest, means: dict[str, Mean]) -> dict[str, Any]:
    run = model.runs[0]
    row: dict[str, Any] = {
        "experiment": run.experiment,
        "model": run.model,
        "learning_rate": run.learning_rate,
        "seeds": len(model.runs),
        "n": model.images,
        "label_smoothing": run.info["settings"]["loss"].get("label_smoothing", 0.0),
    }
    for name, mean in means.items():
        row |= mean_columns(name, mean)
    return row


def _shown(name: str, row: dict[str, Any], means: dict[str, Mean]) -> dict[str, str]:
    return {
        tr("Model"): name,
        tr("Learning rate"): learning_rate_text(row["learning_rate"]),
        tr("Seeds"): count(row["seeds"]),
        tr("n"): count(row["n"]),
        tr("Test accuracy, %"): mean_sd(means["accuracy"], scale=100),
        tr("NLL, nats"): mean_sd(means["nll"], digits=4),
        tr("ECE, %"): mean_sd(means["ece"], scale=100),
        tr("ECE if calibrated, %"): mean_sd(means["ece_if_calibrated"], scale=100),
        tr("Confidence, %"): mean_sd(means["confidence"], scale=100),
    }
