"""How far each model's probabilities can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from pj2.config.names import learning_rate_text
from pj2.exhibits.calibration.numbers import BINS, calibration, note_losses
from pj2.exhibits.format import MISSING, Table, count, percent_spread
from pj2.language import said, tr
from pj2.runs.reading import PathLike, RunRecord, load_runs, tested_models
from pj2.statistics import Mean, mean_interval
from pj2.wording import never_finished, sentences

_IDENTITY = ("experiment", "model", "learning_rate", "seeds", "n", "label_smoothing")
_MEASURES = ("accuracy", "nll", "ece", "confidence")
_CAPTION = said(
    "On the test set, each model at its learning rate with the best validation accuracy, the "
    "mean over seeds; of several seeds the mean ± the standard deviation. NLL: mean negative "
    "log-likelihood of the true class, in nats. Confidence: the greatest probability of an image, "
    "the mean over images; above the accuracy a model is too sure of itself, below it not sure "
    "enough. ECE, the expected calibration error (Guo et al. 2017): how far accuracy and mean "
    "confidence lie apart within {bins} bins of confidence of equal width, the mean over images; "
    "0 is best, and of finitely many images even probabilities that are right have a little more. "
    "n: test images."
)


def calibration_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row a model, at its chosen learning rate.

    CSV: ``experiment, model, learning_rate, seeds`` (how many), ``n`` (test images),
    ``label_smoothing``, then ``accuracy`` (a fraction), ``nll`` (nats), ``ece`` and
    ``confidence`` (fractions), each as ``_mean``, ``_sd`` (over seeds), ``_low`` and
    ``_high`` (95 % Student interval of the mean); the last three are empty of one seed.
    See `pj2.exhibits.calibration.numbers.Calibration`.
    """
    rows, shown, absent = [], [], []
    first: dict[str, RunRecord] = {}
    for model, seen in tested_models(load_runs(index_paths)):
        if not seen:
            absent.append(model)
            continue
        run, guesses = seen[0]
        first[model] = run
        each = [calibration([one]) for _, one in seen]
        found = {name: mean_interval([getattr(one, name) for one in each]) for name in _MEASURES}
        rows.append(_row(run, len(seen), len(guesses.label), found))
        shown.append(_shown(model, rows[-1], found))
    spread = [f"{name}_{part}" for name in _MEASURES for part in ("mean", "sd", "low", "high")]
    return Table.of(
        pd.DataFrame(rows, columns=[*_IDENTITY, *spread]),
        caption=sentences(tr(_CAPTION, bins=BINS), note_losses(first), never_finished(absent)),
        shown=pd.DataFrame(shown),
    )


def _row(run: RunRecord, seeds: int, images: int, found: dict[str, Mean]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "experiment": run.experiment,
        "model": run.model,
        "learning_rate": run.learning_rate,
        "seeds": seeds,
        "n": images,
        "label_smoothing": run.info["settings"]["loss"]["label_smoothing"],
    }
    for name, mean in found.items():
        row |= {f"{name}_{part}": getattr(mean, part) for part in ("mean", "sd", "low", "high")}
    return row


def _shown(name: str, row: dict[str, Any], found: dict[str, Mean]) -> dict[str, str]:
    return {
        tr("Model"): name,
        tr("Learning rate"): learning_rate_text(row["learning_rate"]),
        tr("Seeds"): count(row["seeds"]),
        tr("n"): count(row["n"]),
        tr("Test accuracy, %"): _percent(found["accuracy"]),
        tr("NLL, nats"): _nats(found["nll"]),
        tr("ECE, %"): _percent(found["ece"]),
        tr("Confidence, %"): _percent(found["confidence"]),
    }


def _percent(found: Mean) -> str:
    return MISSING if math.isnan(found.mean) else percent_spread(found)


def _nats(found: Mean) -> str:
    if math.isnan(found.mean):
        return MISSING
    return f"{found.mean:.4f} ± {found.sd:.4f}" if found.n > 1 else f"{found.mean:.4f}"
