"""The epochs that a run has been through, as the run store keeps them.

A trajectory knows nothing of a budget: results with other numbers of epochs or
another patience are cut from the same one, and a longer one continues it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from pj2.fingerprint.run import Fingerprint
from pj2.runs.files import EpochRecord, ProbeRecords, StepRecords
from pj2.store.manifest import Blob, Manifest


@dataclass(frozen=True)
class Epoch:
    """A whole epoch: its row, its steps, and the weights at its end, where they were kept.

    ``probes``: what was measured on the way, in a run that is probed.
    """

    row: EpochRecord
    steps: Blob
    weights: Blob | None
    probes: Blob | None = None


@dataclass(frozen=True)
class Divergence:
    """The epoch in which a loss or a weight stopped being finite, which ends a trajectory.

    ``count`` steps went well before it: all, where only the last update or what was evaluated
    after it was not finite. ``initial`` is set where no epoch was finished: the weights to keep
    are then those before the first step.
    """

    count: int
    steps: Blob
    weights: Blob
    initial: Blob | None
    probes: Blob | None = None


@dataclass(frozen=True)
class State:
    """A checkpoint: what is needed to go on after the last epoch, or within the next.

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
    first_conv: str
    precision: Mapping[str, str]
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Trajectory:
    """What was computed under one fingerprint on one kind of hardware.

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
        """Yield what recorded steps: the first epochs, and the one that diverged if it counts."""
        yield from self.epochs[:epochs]
        if diverged and self.divergence:
            yield self.divergence

    def manifest(self, fingerprint: Fingerprint) -> Manifest:
        """Return how the store keeps this trajectory."""
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
            "divergence": _as_json(self.divergence),
            "state": _as_json(self.state),
        }
        steps = self.divergence.count if self.divergence else self.state.steps if self.state else 0
        return Manifest(
            "run", fingerprint.digest, fingerprint.inputs, body, len(self.epochs), steps
        )

    @classmethod
    def of(cls, manifest: Manifest) -> Trajectory:
        """Read a trajectory out of its manifest."""
        body = manifest.body
        return cls(
            Facts(**body["facts"]),
            body["hardware"],
            body["versions"],
            tuple(
                Epoch(
                    EpochRecord(**epoch["row"]),
                    Blob(**epoch["steps"]),
                    Blob(**epoch["weights"]) if epoch["weights"] else None,
                    Blob(**epoch["probes"]) if epoch.get("probes") else None,
                )
                for epoch in body["epochs"]
            ),
            _from_json(Divergence, body["divergence"]),
            _from_json(State, body["state"]),
        )


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
    """Read what `pack_steps` wrote."""
    table = np.load(io.BytesIO(data), allow_pickle=False)
    loss, grad_norm, *others = (np.ascontiguousarray(table[name]) for name in table.dtype.names)
    return StepRecords(loss, grad_norm, dict(zip(table.dtype.names[2:], others, strict=True)))


def pack_probes(probes: ProbeRecords) -> bytes:
    """Return what was measured in an epoch as bytes."""
    return json.dumps(asdict(probes)).encode()


def unpack_probes(data: bytes) -> ProbeRecords:
    """Read what `pack_probes` wrote."""
    return ProbeRecords(**json.loads(data))


def _as_json(part: Divergence | State | None) -> dict[str, Any] | None:
    if part is None:
        return None
    values = {name: getattr(part, name) for name in part.__dataclass_fields__}
    return {key: v.as_json() if isinstance(v, Blob) else v for key, v in values.items()}


def _from_json(kind: type, value: Mapping[str, Any] | None) -> Any:
    if value is None:
        return None
    return kind(**{key: Blob(**v) if isinstance(v, dict) else v for key, v in value.items()})
