"""Every setting over its seeds: mean, standard deviation, n and an interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pj2.config.names import learning_rate_text
from pj2.exhibits.cautions import cautions
from pj2.exhibits.format import MEAN_PARTS, Table, count, mean_columns, percent_mean
from pj2.language import said, tr
from pj2.runs.reading import (
    PathLike,
    RunRecord,
    at_best_epoch,
    by_setting,
    diverged,
    epochs,
    load_runs,
    test_result,
)
from pj2.statistics import (
    NO_VALUES,
    SHARE,
    Mean,
    mean_accuracy,
    mean_interval,
)
from pj2.wording import sentences

_CAPTION = said(
    "One row per model and learning rate. Accuracies in percent: mean ± standard deviation over "
    "seeds [95 % Student interval], or one seed [95 % Wilson interval]. Best test epoch (published "
    "protocol): chosen on the test set, so biased upwards."
)
_ACCURACIES = ("val", "test", "published")


def summary_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row for each (experiment, model, learning rate).

    CSV: ``experiment, model, learning_rate, seeds`` (runs that finished an epoch), ``diverged``
    (runs), ``parameters, macs``, then for each of ``val``, ``test``, ``published`` (accuracies as
    fractions) and ``excess`` (published − test): ``_mean, _sd, _low, _high``; ``interval`` is the
    kind of interval of low and high: ``student`` (of the mean over seeds) or ``wilson`` (of one
    run over images; the excess then has none); ``images`` (test), ``epochs_mean,
    best_epoch_mean`` (from 1), ``seconds_mean``.
    """
    runs = load_runs(index_paths)
    rows = [summary_row(group) for group in by_setting(runs).values()]
    shown = [summary_shown(row) for row in rows]
    caption = sentences(tr(_CAPTION), cautions(runs))
    return Table.of(pd.DataFrame(rows), caption=caption, shown=shown)


def summary_row(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the row of the CSV for the runs of one setting."""
    finished = [run for run in runs if run.best_epoch is not None]
    counted = finished or runs
    measured = [_accuracies(run) for run in finished]
    values = {name: [each[name] for each in measured] for name in _ACCURACIES}
    values["excess"] = [p - t for p, t in zip(values["published"], values["test"], strict=True)]
    data = runs[0].info["data"]
    images = {"val": data["validation_images"], "test": data["test_images"]}
    images["published"] = images["test"]
    row: dict[str, Any] = {
        "experiment": runs[0].experiment,
        "model": runs[0].model,
        "learning_rate": runs[0].learning_rate,
        "seeds": len(finished),
        "diverged": len(diverged(runs)),
        "parameters": runs[0].info["parameters"],
        "macs": runs[0].info["macs"],
    }
    for name, of_seeds in values.items():
        row |= mean_columns(name, _mean(of_seeds, images.get(name)))
    best = [run.best_epoch + 1 for run in finished if run.best_epoch is not None]
    return row | {
        "interval": "student" if len(finished) > 1 else "wilson" if finished else None,
        "images": images["test"],
        "epochs_mean": float(np.mean([run.info["epochs_run"] for run in counted])),
        "best_epoch_mean": float(np.mean(best)) if best else None,
        "seconds_mean": float(np.mean([run.info["seconds"] for run in counted])),
    }


def _accuracies(run: RunRecord) -> dict[str, float]:
    """Return a run's accuracies; NaN for those that were not measured."""
    best, tested = at_best_epoch(run), test_result(run)
    assert best is not None
    assert tested is not None
    return {
        "val": float(best["val_accuracy"]),  # NaN without validation images
        "test": tested[0] / tested[1],
        "published": float(epochs(run)["test_accuracy"].max()),  # NaN if never measured
    }


def _mean(values: Sequence[float], images: int | None) -> Mean:
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return NO_VALUES
    return mean_accuracy(known, images) if images else mean_interval(known, SHARE)


def summary_shown(row: dict[str, Any]) -> dict[str, str]:
    """Return a row of the CSV as text for people, by heading."""

    def accuracy(name: str) -> str:
        mean, sd, low, high = (row[f"{name}_{part}"] for part in MEAN_PARTS)
        return percent_mean(Mean(mean, sd, row["seeds"], low, high))

    return {
        tr("Experiment"): row["experiment"],
        tr("Model"): row["model"],
        tr("Learning rate"): learning_rate_text(row["learning_rate"]),
        tr("Seeds (n)"): f"{row['seeds']}",
        tr("Diverged"): f"{row['diverged']}",
        tr("Parameters"): count(row["parameters"]),
        tr("Validation accuracy, %"): accuracy("val"),
        tr("Test accuracy, %"): accuracy("test"),
        tr("Best test epoch (published protocol), %"): accuracy("published"),
        tr("Best less chosen epoch, points"): accuracy("excess"),
        tr("Images (test)"): count(row["images"]),
        tr("Epochs"): f"{row['epochs_mean']:.1f}".removesuffix(".0"),
        tr("Seconds"): count(row["seconds_mean"]),
    }
