"""The files of one run, and their schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

BEST = "best.safetensors"
LAST = "last.safetensors"
STEPS = "steps.parquet"
EPOCHS = "epochs.parquet"
RUN = "run.json"

_EPOCHS_SCHEMA = pa.schema(
    [
        ("epoch", pa.int32()),
        ("train_loss", pa.float64()),
        ("train_accuracy", pa.float64()),
        ("val_loss", pa.float64()),
        ("val_accuracy", pa.float64()),
        ("test_loss", pa.float64()),
        ("test_accuracy", pa.float64()),
        ("seconds", pa.float64()),
        ("images_per_second", pa.float64()),
    ]
)


@dataclass(frozen=True)
class EpochRecord:
    """One row of `epochs.parquet`: accuracies 0 to 1, losses in nats, seconds of wall time.

    The training loss is the mean over steps, in train mode, with label
    smoothing where the recipe has it; validation and test losses are without.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class StepRecords:
    """The steps of one epoch: ``loss`` and ``grad_norm``, float32 ``[steps]``."""

    loss: np.ndarray
    grad_norm: np.ndarray

    @classmethod
    def none(cls) -> StepRecords:
        """Return the record of no steps."""
        return cls(np.empty(0, np.float32), np.empty(0, np.float32))


def steps_table(epochs: Sequence[StepRecords]) -> pa.Table:
    """Return the rows of `steps.parquet`; `step` counts from 0 over all epochs."""
    lengths = [len(part.loss) for part in epochs]
    total = sum(lengths)
    empty = np.empty(0, np.float32)
    return pa.table(
        {
            "step": pa.array(np.arange(total, dtype=np.int64)),
            "epoch": pa.array(np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)),
            "loss": pa.array(np.concatenate([empty, *(part.loss for part in epochs)])),
            "grad_norm": pa.array(np.concatenate([empty, *(part.grad_norm for part in epochs)])),
        }
    )


def epochs_table(rows: Sequence[EpochRecord]) -> pa.Table:
    """Return the rows of `epochs.parquet`."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=_EPOCHS_SCHEMA)
