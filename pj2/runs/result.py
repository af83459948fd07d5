"""A run's artifacts, cut from the epochs that the store holds; no training, no torch."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.errors import UserError
from pj2.fingerprint.code import RESULT, code_of
from pj2.fingerprint.run import Fingerprint
from pj2.runs.derived import Predict, predictions_of, restore_or_make
from pj2.runs.early_stopping import EarlyStopping
from pj2.runs.files import (
    BEST,
    EPOCHS,
    LAST,
    PREDICTIONS,
    RUN,
    STEPS,
    epochs_table,
    probe_tables,
    steps_table,
)
from pj2.runs.trajectory import Trajectory, unpack_probes, unpack_steps
from pj2.store.files import open_parquet, sha256_file, write_table
from pj2.store.manifest import Blob
from pj2.store.records import write_record
from pj2.store.store import BlobUnavailable, RunStore


@dataclass(frozen=True)
class Cut:
    """Where a budget ends a trajectory: after how many epochs, why, and which one is kept."""

    epochs: int
    status: str
    best_epoch: int | None


@dataclass(frozen=True)
class Result:
    """A finished run: its settings, data, fingerprint and epochs, and where its budget ends."""

    settings: RunSettings
    data: DataIdentity
    fingerprint: Fingerprint
    trajectory: Trajectory
    end: Cut

    @property
    def predictions(self) -> Fingerprint:
        """The fingerprint of its predictions. Raises BlobUnavailable if its weights are gone."""
        best, _ = kept_weights(self.trajectory, self.end)
        return predictions_of(self.settings, best.sha256, self.data)


def cut(trajectory: Trajectory, settings: RunSettings) -> Cut | None:
    """Return where the budget of `settings` ends a trajectory; None if it needs more epochs.

    ``patience`` epochs without a better monitored accuracy stop a run; a tie
    is not better.
    """
    stopping = EarlyStopping(settings.patience)
    for epoch in trajectory.epochs[: settings.epochs]:
        stopping.update(epoch.row.epoch, getattr(epoch.row, settings.monitor))
        if stopping.should_stop:
            return Cut(epoch.row.epoch + 1, "stopped_early", stopping.best_epoch)
    if len(trajectory.epochs) >= settings.epochs:
        return Cut(settings.epochs, "completed", stopping.best_epoch)
    if trajectory.divergence:
        return Cut(len(trajectory.epochs), "diverged", stopping.best_epoch)
    return None


def kept_weights(trajectory: Trajectory, end: Cut) -> tuple[Blob, Blob]:
    """Return the weights of the best epoch, and those at the end.

    Raises BlobUnavailable if one of them was not kept.
    """
    divergence = trajectory.divergence if end.status == "diverged" else None
    last = divergence.weights if divergence else trajectory.epochs[end.epochs - 1].weights
    if end.best_epoch is not None:
        best = trajectory.epochs[end.best_epoch].weights
    else:
        best = divergence.initial if divergence else None
    if best is None or last is None:
        raise BlobUnavailable("the weights of that epoch were not kept")
    return best, last


def has_result(store: RunStore, trajectory: Trajectory, settings: RunSettings) -> bool:
    """Tell whether the artifacts that `settings` ask for seem to be there, without training."""
    end = cut(trajectory, settings)
    if end is None:
        return False
    parts = list(trajectory.recorded(end.epochs, end.status == "diverged"))
    records = [part.steps for part in parts] + [part.probes for part in parts if part.probes]
    try:
        return all(store.has(blob) for blob in (*kept_weights(trajectory, end), *records))
    except BlobUnavailable:
        return False


def write_result(store: RunStore, result: Result, output: Path, predict: Predict) -> None:
    """Write all files of a run; `run.json`, which holds the others' hashes, comes last.

    `predict` is called if the store does not have the predictions. If they are not finite,
    the run diverged and has no best epoch.

    Raises BlobUnavailable if a blob of the epochs is missing or damaged.
    """
    settings, trajectory, end = result.settings, result.trajectory, result.end
    best, last = kept_weights(trajectory, end)
    parts = list(trajectory.recorded(end.epochs, end.status == "diverged"))
    records = [unpack_steps(store.read(part.steps)) for part in parts]
    rows = [epoch.row for epoch in trajectory.epochs[: end.epochs]]
    tables = {STEPS: steps_table(records), EPOCHS: epochs_table(rows)}
    if settings.probe:
        blobs = [part.probes for part in parts if part.probes]
        tables |= probe_tables([unpack_probes(store.read(blob)) for blob in blobs])

    (output / RUN).unlink(missing_ok=True)  # it must never stand beside another run's files
    store.fetch(best, output / BEST)
    store.fetch(last, output / LAST)
    for name, table in tables.items():
        write_table(output / name, table)
    restore_or_make(
        store, "predictions", result.predictions, output / PREDICTIONS,
        lambda: predict(output / BEST, output / PREDICTIONS),
    )  # fmt: skip
    artifacts = {
        BEST: best.sha256,
        LAST: last.sha256,
        **{name: sha256_file(output / name) for name in (*tables, PREDICTIONS)},
    }
    steps = sum(len(part.loss) for part in records)
    shown = ending(end, output / PREDICTIONS)
    write_record(output / RUN, describe(result, shown, steps, artifacts))


def describe(result: Result, end: Cut, steps: int, artifacts: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of run.json, given the number of steps and the files' digests."""
    settings, trajectory = result.settings, result.trajectory
    rows = [epoch.row for epoch in trajectory.epochs[: end.epochs]]
    return {
        "status": end.status,
        "diverged_at_step": steps if end.status == "diverged" else None,
        "best_epoch": end.best_epoch,
        "epochs_run": len(rows),
        "settings": settings.model_dump(mode="json"),
        **asdict(trajectory.facts),
        "seconds": sum(row.seconds for row in rows),
        "images_per_second": statistics.median(r.images_per_second for r in rows) if rows else None,
        "hardware": trajectory.hardware,
        "versions": trajectory.versions,
        "fingerprint": result.fingerprint.digest,
        "code": result.fingerprint.code.as_json(),
        "predictions": {
            "fingerprint": result.predictions.digest,
            "inputs": result.predictions.inputs,
        },
        "written_by": code_of(RESULT).digest,
        "artifacts": dict(artifacts),
    }


def ending(end: Cut, predictions: Path) -> Cut:
    """Return how a run ended, given its predictions: it diverged if they are not finite.

    Raises UserError if the file does not hold predictions.
    """
    try:
        with open_parquet(predictions) as file:
            table = file.read(columns=["probabilities"])
            if table.column_names != ["probabilities"]:
                raise pa.ArrowInvalid("no column probabilities")
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{predictions}: not a readable Parquet file: {reason}") from None
    values = table["probabilities"].combine_chunks().flatten().to_numpy()
    return end if np.isfinite(values).all() else Cut(end.epochs, "diverged", None)
