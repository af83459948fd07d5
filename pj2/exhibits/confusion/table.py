"""Tables of each class's accuracy and of the most frequent mistakes, on the test set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple

import numpy as np
import pandas as pd

from pj2.exhibits.cautions import cautions, diverged_runs
from pj2.exhibits.confusion.numbers import Confusion, confusion
from pj2.exhibits.format import Table, mean_sd, percent
from pj2.exhibits.tested import models_on_test
from pj2.language import said, tr
from pj2.runs.reading import (
    PathLike,
    RunRecord,
    choosing_in_words,
    load_runs,
    seeds_in_words,
)
from pj2.statistics import Mean, mean_accuracy
from pj2.wording import sentences

_IDENTITY = ("experiment", "model", "learning_rate", "seeds")
_PER_CLASS = said(
    "Test accuracy of each class in percent: mean ± standard deviation over seeds, or one seed "
    "with its 95 % Wilson interval; n: images of the class."
)
_PAIRS = said(
    "The {top} most frequent mistakes on the test set, true → predicted; images: mean ± standard "
    "deviation over seeds."
)
_CHOSEN = said("Learning rates with the best mean {accuracy}: {models}.")


def per_class_table(index_paths: Iterable[PathLike]) -> Table:
    """Return each class's test accuracy (recall) for each model, over the seeds of its setting.

    The text has one row per class and one column per model, in percent. The CSV has one row for
    each model and class: ``experiment, model, learning_rate, seeds`` (how many), ``class, n``
    (images of the class), ``accuracy`` (a fraction, the mean over seeds), ``sd`` (over seeds),
    ``low, high``: the 95 % Student interval of the mean over seeds, or with one seed the 95 %
    Wilson interval. Each model's last row, with an empty class, covers all classes.
    """
    chosen, note = _chosen(index_paths)
    rows = []
    shown: dict[str, dict[str, str]] = {}
    for name, (run, result) in chosen.items():
        for label, n, correct in _class_counts(result):
            recall = mean_accuracy((correct / n).tolist(), n)
            numbers = (recall.mean, recall.sd, recall.low, recall.high)
            rows.append((*_identity(run, result), label, n, *numbers))
            cells = shown.setdefault(label, {"class": label or tr("all classes"), "n": f"{n:,}"})
            cells[name] = _cell(recall)
    columns = [*_IDENTITY, "class", "n", "accuracy", "sd", "low", "high"]
    return Table.of(
        pd.DataFrame(rows, columns=columns),
        caption=sentences(tr(_PER_CLASS), note),
        shown=pd.DataFrame(
            [list(cells.values()) for cells in shown.values()],
            columns=[tr("Class"), tr("n"), *chosen],
        ),
    )


def confused_pairs_table(index_paths: Iterable[PathLike], top: int = 5) -> Table:
    """Return the `top` most frequent mistakes of each model on the test set, over its seeds.

    CSV: ``experiment, model, learning_rate, seeds, true, predicted, count`` (mean over
    seeds), ``share`` (of the true class, a fraction), ``sd`` (of the count over seeds).
    """
    chosen, note = _chosen(index_paths)
    rows = []
    shown = []
    for name, (run, result) in chosen.items():
        for pair in result.most_confused(top):
            rows.append((*_identity(run, result), *astuple(pair)))
            several = result.seeds > 1
            count = f"{pair.count:,.1f} ± {pair.sd:.1f}" if several else f"{pair.count:,.0f}"
            shown.append((name, f"{pair.true} → {pair.predicted}", count, percent(pair.share)))
    return Table.of(
        pd.DataFrame(rows, columns=[*_IDENTITY, "true", "predicted", "count", "share", "sd"]),
        caption=sentences(tr(_PAIRS, top=top), note),
        shown=pd.DataFrame(
            shown,
            columns=[tr("Model"), tr("Mistake"), tr("Images"), tr("Share of the true class, %")],
        ),
    )


def _cell(recall: Mean) -> str:
    if recall.n > 1:
        return mean_sd(recall, scale=100)
    return percent(recall.mean, (recall.low, recall.high))


def _chosen(
    index_paths: Iterable[PathLike],
) -> tuple[dict[str, tuple[RunRecord, Confusion]], str]:
    """Return each model's first run and confusion over seeds, and sentences on the settings shown.

    A model without a finished epoch appears in the sentence only.
    """
    chosen: dict[str, tuple[RunRecord, Confusion]] = {}
    told: list[str] = []
    compared: list[RunRecord] = []
    runs = load_runs(index_paths)
    for model in models_on_test(runs):
        if not model.runs:
            told.append(tr("{model}: no run finished an epoch", model=model.name))
            continue
        compared += model.chosen
        run, seeds = model.runs[0], seeds_in_words(model.runs)
        chosen[model.name] = run, confusion(model.predictions)
        told.append(tr("{model}: lr {lr}, {seeds}", model=model.name, lr=run.lr, seeds=seeds))
    note = tr(_CHOSEN, accuracy=choosing_in_words(runs), models=tr("; ").join(told))
    return chosen, sentences(note, diverged_runs(compared), cautions(runs))


def _identity(run: RunRecord, result: Confusion) -> tuple[str, str, float, int]:
    return run.experiment, run.model, run.learning_rate, result.seeds


def _class_counts(result: Confusion) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield (class, images, correct [seeds]) for each class with images, then ("", …) for all."""
    correct = result.each.diagonal(axis1=1, axis2=2)
    for place, (name, n) in enumerate(zip(result.classes, result.images, strict=True)):
        if n:
            yield name, int(n), correct[:, place]
    yield "", int(result.images.sum()), correct.sum(axis=1)
