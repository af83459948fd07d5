"""The table of all runs of one or more experiments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from pj2.config.names import learning_rate_text
from pj2.exhibits.cautions import cautions
from pj2.exhibits.format import Table, count, percent
from pj2.language import said, tr
from pj2.runs.reading import PathLike, RunRecord, at_best_epoch, epochs, load_runs, test_result
from pj2.statistics import wilson_interval
from pj2.wording import STATUSES, hardware_in_words, sentences

_CAPTION = said(
    "One row per run. Accuracies in percent with 95 % Wilson intervals, which cover the finite "
    "number of images (n), not the spread over seeds. Best test epoch (published protocol): chosen "
    "on the test set, so biased upwards. Epochs count from 1."
)
_OPTIONAL_INTEGERS = (
    "diverged_at_step", "best_epoch", "val_n", "test_n", "published_n", "published_epoch",
)  # fmt: skip


def comparison_table(index_paths: Iterable[PathLike]) -> Table:
    """Return the table of runs.

    Columns of the CSV: ``experiment, model, learning_rate, seed, status,
    diverged_at_step`` (0-based), ``parameters, macs`` (multiply-accumulates of one
    image's forward pass), ``epochs`` (run), ``best_epoch`` (counted from 1), then
    three accuracies as fractions, each with ``_low`` and ``_high`` (95 % Wilson) and
    ``_n`` (images): ``val_accuracy`` and ``test_accuracy`` at the best epoch,
    ``published_accuracy`` (the greatest test accuracy of any epoch, empty if it was
    not measured) with ``published_epoch`` (from 1); ``monitor`` (what chose the
    epoch); ``seconds`` (wall time), ``images_per_second``, ``precision`` (fp32 or
    bf16, as used), ``device, hardware, threads``.
    """
    runs = load_runs(index_paths)
    shown = [_shown(_row(run)) for run in runs]
    caption = sentences(tr(_CAPTION), cautions(runs))
    return Table.of(runs_table(runs), caption=caption, shown=shown)


def runs_table(runs: Iterable[RunRecord]) -> pd.DataFrame:
    """Return the columns of `comparison_table`, one row per run."""
    rows = [_row(run) for run in runs]
    return pd.DataFrame(rows).astype(dict.fromkeys(_OPTIONAL_INTEGERS, "Int64"))


def _row(run: RunRecord) -> dict[str, Any]:
    info, data = run.info, run.info["data"]
    best, measured, tested = at_best_epoch(run), epochs(run), test_result(run)
    published = measured["test_accuracy"].to_numpy()
    row: dict[str, Any] = {
        "experiment": run.experiment,
        "model": run.model,
        "learning_rate": run.learning_rate,
        "seed": run.seed,
        "status": info["status"],
        "diverged_at_step": run.diverged_at,
        "parameters": info["parameters"],
        "macs": info["macs"],
        "epochs": info["epochs_run"],
        "best_epoch": None if run.best_epoch is None else run.best_epoch + 1,
        "monitor": info["settings"]["monitor"],
    }
    held_out = data["validation_images"]
    val = float(best["val_accuracy"]) if best is not None and held_out else None
    row |= _accuracy("val", val, held_out)
    if tested is None:
        row |= _accuracy("test", None, data["test_images"])
    else:
        correct, n = tested
        row |= _accuracy("test", correct / n, n)
    top = None if np.isnan(published).all() else int(np.nanargmax(published))
    greatest = None if top is None else float(published[top])
    row |= _accuracy("published", greatest, data["test_images"])
    row["published_epoch"] = None if top is None else int(measured["epoch"].iloc[top]) + 1
    return row | {
        "seconds": info["seconds"],
        "images_per_second": info["images_per_second"],
        "precision": info["precision"]["used"],
        "device": info["hardware"]["device"],
        "hardware": info["hardware"]["name"],
        "threads": info["hardware"]["threads"],
    }


def _accuracy(name: str, accuracy: float | None, n: int) -> dict[str, Any]:
    low, high = (None, None) if accuracy is None else wilson_interval(round(accuracy * n), n)
    return {
        f"{name}_accuracy": accuracy,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_n": None if accuracy is None else n,
    }


def _shown(row: dict[str, Any]) -> dict[str, str | None]:
    def accuracy(name: str) -> str:
        return percent(row[f"{name}_accuracy"], (row[f"{name}_low"], row[f"{name}_high"]))

    status, step = STATUSES[row["status"]], row["diverged_at_step"]
    how = tr(status) if step is None else tr("diverged at step {step:,}", step=step)
    return {
        tr("Experiment"): row["experiment"],
        tr("Model"): row["model"],
        tr("Learning rate"): learning_rate_text(row["learning_rate"]),
        tr("Seed"): str(row["seed"]),
        tr("Status"): how,
        tr("Parameters"): count(row["parameters"]),
        tr("MACs"): count(row["macs"]),
        tr("Epochs"): count(row["epochs"]),
        tr("Best epoch"): count(row["best_epoch"]),
        tr("Validation accuracy, %"): accuracy("val"),
        tr("n (val.)"): count(row["val_n"]),
        tr("Test accuracy, %"): accuracy("test"),
        tr("n (test)"): count(row["test_n"]),
        tr("Best test epoch (published protocol), %"): accuracy("published"),
        tr("Seconds"): count(row["seconds"]),
        tr("Images/s"): count(row["images_per_second"]),
        tr("Precision"): row["precision"],
        tr("Hardware"): hardware_in_words({"name": row["hardware"], "threads": row["threads"]}),
    }
