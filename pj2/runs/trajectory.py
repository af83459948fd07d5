"""The epochs that a run has been through, as the run store keeps them.

A trajectory is independent of a budget: results with other numbers of epochs or
another patience are cut from the same one, and a longer budget continues it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from pj2.fingerprint.run import Fingerprint
from pj2.runs.files import EpochRecord, ProbeRecords, StepRecords
from pj2.store.manifest import Blob, Manifest
from pj2.store.store import BlobUnavailable, RunStore


@dataclass(frozen=True)
class Epoch:
    """A whole epoch: its row, its steps, and the weights at its end, where they were kept.

    ``probes``: the measurements of a run that is probed.
    """

    row: EpochRecord
    steps: Blob
    weights: Blob | None
    probes: Blob | None = None


@dataclass(frozen=True)
class Divergence:
    """The epoch in which a loss or a weight stopped being finite, which ends a trajectory.

    ``count`` steps had a finite loss: all of the epoch's, if only a weight or a score after its
    last update was not finite. ``initial`` holds the weights before the first step, which are
    kept if no epoch was finished; otherwise it is None.
    """

    count: int
    steps: Blob
    weights: Blob
    initial: Blob | None
    probes: Blob | None = None


@dataclass(frozen=True)
class State:
    """A checkpoint, from which a run continues after its last epoch or within the next.

    ``partial``, ``steps``, ``seconds`` and ``probes`` belong to an epoch that was
    interrupted.
    """

    weights: Blob
    optimizer: Blob
    partial: Blob | None = None
    steps: int = 0
    seconds: float = 0.0
    probes: Blob | None = None


@dataclass(frozen=True)
class Facts:
    """What `run.json` states of the model's size, the precision and the data.

    ``precision``: what was ``asked`` for and ``used``. ``data``: ``hash``, ``name``,
    ``source``, and how many images each split has.
    """

    parameters: int
    macs: int
    first_conv: str | None
    precision: Mapping[str, str]
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Trajectory:
    """The epochs computed under one fingerprint on one kind of hardware.

    ``hardware`` and ``versions`` decide the last bits of every number, so a run is
    continued only where they are the same.
    """

    facts: Facts
    hardware: Mapping[str, Any]
    versions: Mapping[str, str]
    epochs: tuple[Epoch, ...] = ()
    divergence: Divergence | None = None
    state: State | None = field(default=None, compare=False)

    def after(self, epoch: Epoch, state: State | None) -> Trajectory:
        """Return this trajectory with one more epoch."""
        return replace(self, epochs=(*self.epochs, epoch), state=state)

    @property
    def length(self) -> str:
        """How far it goes, in words: ``3 epochs``, or ``3 epochs and 7 steps``."""
        steps = self.state.steps if self.state else 0
        return f"{len(self.epochs)} epochs" + (f" and {steps} steps" if steps else "")

    def recorded(self, epochs: int, diverged: bool) -> Iterator[Epoch | Divergence]:
        """Yield the first `epochs` epochs and, if `diverged`, the one that diverged."""
        yield from self.epochs[:epochs]
        if diverged and self.divergence:
            yield self.divergence

    def manifest(self, fingerprint: Fingerprint) -> Manifest:
        """Return this trajectory as a manifest of the store."""
        body = {
            "facts": asdict(self.facts),
            "hardware": self.hardware,
            "versions": self.versions,
            "epochs": [
                {
                    "row": asdict(epoch.row),
                    "steps": epoch.steps.as_json(),
                    "weights": epoch.weights.as_json() if epoch.weights else None,
                    "probes": epoch.probes.as_json() if epoch.probes else None,
                }
                for epoch in self.epochs
            ],
            "divergence": asdict(self.divergence) if self.divergence else None,
            "state": asdict(self.state) if self.state else None,
        }
        steps = self.divergence.count if self.divergence else self.state.steps if self.state else 0
        return Manifest(
            "run", fingerprint.digest, fingerprint.inputs, body, len(self.epochs), steps
        )

    @classmethod
    def of(cls, manifest: Manifest) -> Trajectory:
        """Read a trajectory out of its manifest. Raises ValueError if it holds none."""
        made = _adapter().validate_python(manifest.body)
        numbers = [epoch.row.epoch for epoch in made.epochs]
        if numbers != list(range(manifest.epochs)):
            raise ValueError(f"epochs {numbers}, where {manifest.epochs} are stated")
        for key, part in {
            "name": made.hardware,
            "threads": made.hardware,
            "torch": made.versions,
            "used": made.facts.precision,
        }.items():
            if key not in part:
                raise ValueError(f"no {key}")
        return made


def stored_trajectories(
    store: RunStore, fingerprint: str, remote: bool = True
) -> Iterator[tuple[Manifest, Trajectory]]:
    """Yield the stored trajectories of a run, the most advanced first; see `RunStore.manifests`.

    An intact manifest that holds no trajectory is reported and left out.
    """
    for manifest in store.manifests(fingerprint, remote=remote):
        try:
            yield manifest, Trajectory.of(manifest)
        except ValueError as error:
            store.report_unusable(manifest, error)


@cache
def _adapter() -> TypeAdapter[Trajectory]:
    return TypeAdapter(Trajectory)


def pack_steps(steps: StepRecords) -> bytes:
    """Return the steps of an epoch as bytes."""
    columns = steps.columns
    table = np.empty(len(steps.loss), [(name, np.float32) for name in columns])
    for name, values in columns.items():
        table[name] = values
    buffer = io.BytesIO()
    np.save(buffer, table, allow_pickle=False)
    return buffer.getvalue()


def unpack_steps(data: bytes) -> StepRecords:
    """Read what `pack_steps` wrote. Raises BlobUnavailable if it is something else."""
    try:
        # Unlike np.load it reads no archive, which may unpack to far more bytes than it has.
        table = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        names = list(table.dtype.fields or ())
        if table.ndim != 1 or table.dtype != [(name, np.float32) for name in names]:
            raise ValueError("no columns of float32")
        loss, grad_norm, *others = (np.ascontiguousarray(table[name]) for name in names)
    except (ValueError, TypeError, EOFError, MemoryError) as error:
        raise BlobUnavailable(f"no record of steps: {error}") from None
    return StepRecords(loss, grad_norm, dict(zip(names[2:], others, strict=True)))


def pack_probes(probes: ProbeRecords) -> bytes:
    """Return the measurements of an epoch as bytes."""
    return json.dumps(asdict(probes)).encode()


def unpack_probes(data: bytes) -> ProbeRecords:
    """Read what `pack_probes` wrote. Raises BlobUnavailable if it is something else."""
    try:
        return TypeAdapter(ProbeRecords).validate_json(data)
    except ValueError as error:
        raise BlobUnavailable(f"no record of probes: {error}") from None
