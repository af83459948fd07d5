"""The files of one run, and their schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

BEST = "best.safetensors"
LAST = "last.safetensors"
STEPS = "steps.parquet"
EPOCHS = "epochs.parquet"
PREDICTIONS = "predictions.parquet"
RUN = "run.json"


def artifact_names(probed: bool) -> tuple[str, ...]:
    """Return the files of a run that its run.json names; a run that is probed has more of them."""
    return (BEST, LAST, STEPS, EPOCHS, *(PROBE_SCHEMAS if probed else ()), PREDICTIONS)


EPOCHS_SCHEMA = pa.schema(
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


_PROBED = [("step", pa.int64()), ("epoch", pa.int32())]
_LAYER = [("layer", pa.string()), ("depth", pa.int32())]

PROBES = "probes.parquet"
LAYERS = "layers.parquet"
MOMENTS = "moments.parquet"

# By file; the stem of each is a field of `ProbeRecords`.
PROBE_SCHEMAS = {
    PROBES: pa.schema(
        [
            *_PROBED,
            ("along", pa.string()),
            ("step_length", pa.float64()),
            ("loss", pa.float64()),
            ("gradient_distance", pa.float64()),
            ("start_loss", pa.float64()),
            ("gradient_norm", pa.float64()),
            ("direction_norm", pa.float64()),
        ]
    ),
    LAYERS: pa.schema(
        [
            *_PROBED,
            *_LAYER,
            ("gradient_norm", pa.float64()),
            ("difference", pa.float64()),
            ("cosine", pa.float64()),
        ]
    ),
    MOMENTS: pa.schema(
        [
            *_PROBED,
            *_LAYER,
            ("channel", pa.int32()),
            ("mean", pa.float64()),
            ("variance", pa.float64()),
        ]
    ),
}


@dataclass(frozen=True)
class EpochRecord:
    """One row of `epochs.parquet`: accuracies 0 to 1, losses in nats, seconds of wall time.

    The training loss is the mean over steps, in train mode, with label
    smoothing where the recipe has it; validation and test losses are without. They are
    None where the recipe sets no images aside, or does not test after every epoch.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class StepRecords:
    """The steps of one epoch: ``loss``, ``grad_norm`` and further quantities.

    All are float32 ``[steps]``.
    """

    loss: np.ndarray
    grad_norm: np.ndarray
    quantities: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """All quantities, by name."""
        return dict(loss=self.loss, grad_norm=self.grad_norm, **self.quantities)

    @classmethod
    def none(cls, quantities: Iterable[str] = ()) -> StepRecords:
        """Return the record of no steps."""
        empty = np.empty(0, np.float32)
        return cls(empty, empty, dict.fromkeys(quantities, empty))


@dataclass(frozen=True)
class ProbeRecords:
    """The measurements of one epoch's probes; each row is a mapping.

    ``probes``, one row per step length: the step, the direction ``along`` which it was probed,
    η_k, L(θ_k), ‖∇L(θ_k) − ∇L(θ)‖₂, L(θ), ‖∇L(θ)‖₂ and the norm of the direction. ``layers``,
    one row per layer: ‖G‖₂ and, where covariate shift is measured, ‖G − G'‖₂ and the cosine
    between the two. ``moments``, one row per channel: mean and variance of its activations.
    """

    probes: list[dict[str, Any]] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    moments: list[dict[str, Any]] = field(default_factory=list)

    def rows(self, file: str) -> list[dict[str, Any]]:
        """Return the rows of one of the files of `PROBE_SCHEMAS`."""
        rows: list[dict[str, Any]] = getattr(self, file.removesuffix(".parquet"))
        return rows


def steps_table(epochs: Sequence[StepRecords]) -> pa.Table:
    """Return the rows of `steps.parquet`; `step` counts from 0 over all epochs."""
    lengths = [len(part.loss) for part in epochs]
    parts = [part.columns for part in epochs or [StepRecords.none()]]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    step = np.arange(sum(lengths), dtype=np.int64)
    epoch = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    return pa.table(dict(step=step, epoch=epoch, **columns))


def probe_tables(epochs: Sequence[ProbeRecords]) -> dict[str, pa.Table]:
    """Return the table of each file of `PROBE_SCHEMAS`."""
    return {
        file: pa.Table.from_pylist([row for epoch in epochs for row in epoch.rows(file)], schema)
        for file, schema in PROBE_SCHEMAS.items()
    }


def epochs_table(rows: Sequence[EpochRecord]) -> pa.Table:
    """Return the rows of `epochs.parquet`."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=EPOCHS_SCHEMA)
