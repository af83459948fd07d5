"""What each model gets right and wrong, class by class, on the test set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple

import pandas as pd

from pj2.analysis.confusion import Confusion, confusion
from pj2.analysis.runs import (
    PathLike,
    RunRecord,
    by_model,
    chosen_run,
    load_runs,
    model_names,
    predictions,
)
from pj2.analysis.statistics import wilson_interval
from pj2.tables.format import percent, write_all_formats

_IDENTITY = ("experiment", "model", "learning_rate", "seed")


def per_class_table(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Write each class's test accuracy (recall) for each model's chosen run.

    Markdown and LaTeX have a row a class and a column a model, in percent. The CSV
    has a row for each model and class: ``experiment, model, learning_rate, seed,
    class, n`` (images of the class), ``correct, accuracy`` (a fraction), ``low,
    high`` (95 % Wilson); each model's last row, with an empty class, is over all.
    """
    chosen, note = _chosen(index_paths)
    rows = []
    shown: dict[str, dict[str, str]] = {}
    for name, (run, result) in chosen.items():
        for label, n, correct in _class_counts(result):
            interval = wilson_interval(correct, n)
            rows.append((*_identity(run), label, n, correct, correct / n, *interval))
            cells = shown.setdefault(label, {"Class": label or "all classes", "n": f"{n:,}"})
            cells[name] = percent(correct / n, interval)
    write_all_formats(
        pd.DataFrame(
            rows, columns=[*_IDENTITY, "class", "n", "correct", "accuracy", "low", "high"]
        ),
        stem,
        caption="Test accuracy of each class in percent, with 95 % Wilson intervals; "
        "n: images of the class. " + note,
        display=pd.DataFrame(list(shown.values()), columns=["Class", "n", *chosen]),
    )


def confused_pairs_table(index_paths: Iterable[PathLike], stem: PathLike, top: int = 5) -> None:
    """Write the `top` most frequent mistakes of each model's chosen run on the test set.

    CSV: ``experiment, model, learning_rate, seed, true, predicted, count, share``
    (of the true class, a fraction).
    """
    chosen, note = _chosen(index_paths)
    rows = []
    shown = []
    for name, (run, result) in chosen.items():
        for pair in result.most_confused(top):
            rows.append((*_identity(run), *astuple(pair)))
            mistake = f"{pair.true} → {pair.predicted}"
            shown.append((name, mistake, f"{pair.count:,}", percent(pair.share)))
    write_all_formats(
        pd.DataFrame(rows, columns=[*_IDENTITY, "true", "predicted", "count", "share"]),
        stem,
        caption=f"The {top} most frequent mistakes on the test set, true → predicted. " + note,
        display=pd.DataFrame(
            shown, columns=["Model", "Mistake", "Images", "Share of the true class, %"]
        ),
    )


def _chosen(
    index_paths: Iterable[PathLike],
) -> tuple[dict[str, tuple[RunRecord, Confusion]], str]:
    """Return each model's chosen run with its confusion, and a sentence that says which it is.

    A model of which no run finished an epoch is only named in the sentence.
    """
    runs = load_runs(index_paths)
    names = model_names(runs)
    found: dict[str, tuple[RunRecord, Confusion]] = {}
    told = []
    for key, group in by_model(runs).items():
        run = chosen_run(group)
        guesses = predictions(run)
        if guesses is None:
            told.append(f"{names[key]}: no run finished an epoch")
            continue
        found[names[key]] = run, confusion(guesses)
        told.append(f"{names[key]}: lr {run.lr}, seed {run.seed}")
    return found, (
        "Each model is shown by its run with the best validation accuracy among learning rates "
        f"and seeds ({'; '.join(told)})."
    )


def _identity(run: RunRecord) -> tuple[str, str, float, int]:
    return run.experiment, run.model, run.learning_rate, run.seed


def _class_counts(result: Confusion) -> Iterator[tuple[str, int, int]]:
    """Yield (class, images, correct) for classes that have images, then ("", …) for all."""
    correct = result.counts.diagonal()
    for name, n, right in zip(result.classes, result.images, correct, strict=True):
        if n:
            yield name, int(n), int(right)
    yield "", int(result.images.sum()), int(correct.sum())
