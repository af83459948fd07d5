"""Writes the records of a run to an event file for TensorBoard. No torch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pj2.errors import UserError
from pj2.runs.files import EpochRecord, StepRecords
from pj2.runs.metrics import Sink
from pj2.runs.trajectory import Divergence, Epoch, unpack_steps
from pj2.store.store import RunStore

# An epoch's steps and its row; one that diverged has no row.
RecordedEpoch = tuple[StepRecords, EpochRecord | None]

_EPOCH_TAGS = {
    "loss/train": "train_loss",
    "loss/validation": "val_loss",
    "loss/test": "test_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "val_accuracy",
    "accuracy/test": "test_accuracy",
    "images_per_second": "images_per_second",
}


def require_tensorboard() -> None:
    """Raise UserError, saying what to install, unless TensorBoard is installed here."""
    if find_spec("tensorboard") is None:
        raise UserError(
            "logging.tensorboard: true needs the package tensorboard, which is not installed "
            "here; pip install 'tensorboard>=2.18', or leave the key out"
        )


class EventFile(Sink):
    """A new event file, which holds all of a run; older ones in its folder are emptied.

    Step k shows what was measured after k updates: the row ``step = k`` of
    ``steps.parquet``, or the values of an epoch whose last step is k - 1. Times are
    those that the run took, without its interruptions.
    """

    def __init__(self, folder: Path, recorded: Sequence[RecordedEpoch] = ()) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("events.out.tfevents.*"):
            # If a file were removed, a TensorBoard that reads it would wait for it to come back.
            if old.stat().st_size:
                os.truncate(old, 0)
            else:
                old.unlink()
        self._writer = EventFileWriter(str(folder))
        self._step = 0
        self._time = time.time() - sum(row.seconds for _, row in recorded if row)
        # A TensorBoard that has read an older file forgets what it held.
        self._add(0, self._time, session_log=SessionLog(status=SessionLog.START))
        for steps, row in recorded:
            self.log_epoch(steps, row)

    def log_epoch(self, steps: StepRecords, row: EpochRecord | None) -> None:
        """Write an epoch, and flush it to disk."""
        seconds = row.seconds if row else 0.0
        times = np.linspace(self._time, self._time + seconds, len(steps.loss) + 1)
        tags = [f"step/{name}" for name in steps.columns]
        for at, *measured in zip(times, *steps.columns.values(), strict=False):
            self._add_values(at, dict(zip(tags, measured, strict=True)))
            self._step += 1
        self._time += seconds
        if row:
            values = {tag: getattr(row, name) for tag, name in _EPOCH_TAGS.items()}
            known = {tag: value for tag, value in values.items() if value is not None}
            self._add_values(self._time, known)
        self._writer.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def _add_values(self, at: float, values: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        parts = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._add(self._step, at, summary=Summary(value=parts))

    def _add(self, step: int, at: float, **what: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(step=step, wall_time=at, **what))


def event_file(folder: Path | None, epochs: Iterable[Epoch | Divergence], store: RunStore) -> Sink:
    """Return the event file of a run, with its stored epochs; without a folder, no file.

    Raises BlobUnavailable if one of them is missing or damaged in the store.
    """
    if folder is None:
        return Sink()
    recorded = [
        (unpack_steps(store.read(each.steps)), each.row if isinstance(each, Epoch) else None)
        for each in epochs
    ]
    return EventFile(folder, recorded)
