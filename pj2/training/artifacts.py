"""The files of one run, and their schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor

from pj2.store.files import atomic_path, sha256_file, write_json, write_table

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


@dataclass
class History:
    """What a run has recorded so far."""

    losses: list[Tensor] = field(default_factory=list)
    grad_norms: list[Tensor] = field(default_factory=list)
    epochs: list[EpochRecord] = field(default_factory=list)

    def steps_table(self) -> pa.Table:
        """Return the rows of `steps.parquet`; `step` counts from 0 over all epochs."""
        lengths = torch.tensor([len(part) for part in self.losses], dtype=torch.int64)
        losses = torch.cat([*self.losses, torch.empty(0)]).float().numpy()
        grad_norms = torch.cat([*self.grad_norms, torch.empty(0)]).float().numpy()
        epochs = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        return pa.table(
            {
                "step": pa.array(range(len(losses)), pa.int64()),
                "epoch": pa.array(epochs.to(torch.int32).numpy(), pa.int32()),
                "loss": pa.array(losses, pa.float32()),
                "grad_norm": pa.array(grad_norms, pa.float32()),
            }
        )

    def epochs_table(self) -> pa.Table:
        """Return the rows of `epochs.parquet`."""
        return pa.Table.from_pylist([asdict(row) for row in self.epochs], schema=_EPOCHS_SCHEMA)


def snapshot(model: torch.nn.Module) -> dict[str, Tensor]:
    """Copy a model's weights to the CPU, in the default memory order."""
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in model.state_dict().items()
    }


def write_run(
    folder: Path,
    best: Mapping[str, Tensor],
    last: Mapping[str, Tensor],
    history: History,
    information: Mapping[str, Any],
) -> None:
    """Write all files of a run; `run.json`, which holds the others' hashes, comes last."""
    for name, weights in ((BEST, best), (LAST, last)):
        with atomic_path(folder / name) as temporary:
            save_file(dict(weights), temporary)
    write_table(folder / STEPS, history.steps_table())
    write_table(folder / EPOCHS, history.epochs_table())
    hashes = {name: sha256_file(folder / name) for name in (BEST, LAST, STEPS, EPOCHS)}
    write_json(folder / RUN, {**information, "artifacts": hashes})
