"""Taking a finished run from a results folder into the store. No torch.

A results folder may outlive the store that made it, or come without it from
another machine; Snakemake removes a run's files before it makes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pj2.config.study import RunSettings
from pj2.fingerprint.code import Code
from pj2.fingerprint.run import Fingerprint
from pj2.runs.check import Unreadable, read_run, recorded_predictions
from pj2.runs.derived import keep
from pj2.runs.files import (
    BEST,
    EPOCHS,
    LAST,
    PREDICTIONS,
    PROBES,
    PROBES_SCHEMA,
    RUN,
    SHIFT,
    SHIFT_SCHEMA,
    STEPS,
    EpochRecord,
    ProbeRecords,
    StepRecords,
)
from pj2.runs.result import has_result
from pj2.runs.trajectory import Divergence, Epoch, Facts, Trajectory, pack_probes, pack_steps
from pj2.store.files import sha256_file
from pj2.store.store import RunStore

_FACTS = [field.name for field in fields(Facts)]


def adopt_run(store: RunStore, folder: Path, say: Callable[[str], None] = print) -> bool:
    """Keep the run in a folder under the fingerprint that it was made with.

    Only the best and the last weights are there, and no optimizer's state, so
    it can be handed out but not continued. Its predictions are kept under their
    own. Return whether the run was taken: not if the store has it, or if a file
    other than that of the predictions is not what run.json names. `say` is told
    why if a table is what run.json names, but not that of a run.
    """
    try:
        run = read_run(folder)
        settings = RunSettings.model_validate(run["settings"])
    except (Unreadable, ValueError):
        return False
    broken = {n for n, digest in run["artifacts"].items() if not _is_named(folder / n, digest)}
    fingerprint = _fingerprint(run, settings)
    if broken - {PREDICTIONS} or fingerprint.digest != run["fingerprint"]:
        return False
    try:
        missing = [key for key in _FACTS if key not in run]
        if missing:
            raise Unreadable(f"{RUN} has no {', '.join(missing)}")
        rows, recorded = _read_tables(folder, settings.quantities)
        measured = _read_probes(folder) if settings.probe else {}
        predictions = None if broken else _read_predictions(folder, run)
    except Unreadable as problem:
        say(f"{folder}: {problem}; the run is not taken into the store")
        return False
    # Whether or not the store has them: what is damaged there is mended by this.
    if predictions:
        keep(store, "predictions", predictions, folder / PREDICTIONS)
    best, last = (store.put((folder / name).read_bytes()) for name in (BEST, LAST))
    steps = {
        epoch: (len(part.loss), store.put(pack_steps(part))) for epoch, part in recorded.items()
    }
    # An epoch of a probed run has a record of its probes, even if there were none in it.
    probes = {
        epoch: store.put(pack_probes(measured.get(epoch, ProbeRecords())))
        for epoch in range(len(rows) + 1 if settings.probe else 0)
    }
    stored = store.manifests(fingerprint.digest)
    if any(has_result(store, Trajectory.of(manifest), settings) for manifest in stored):
        return False

    end = len(rows) - 1 if run["status"] != "diverged" else None
    weights = {end: last, run["best_epoch"]: best}
    epochs = tuple(
        Epoch(row, steps[row.epoch][1], weights.get(row.epoch), probes.get(row.epoch))
        for row in rows
    )
    divergence = None
    if run["status"] == "diverged":
        none = 0, store.put(pack_steps(StepRecords.none(settings.quantities)))
        count, before = steps.get(len(rows), none)
        initial = best if run["best_epoch"] is None else None
        divergence = Divergence(count, before, last, initial, probes.get(len(rows)))
    facts = Facts(**{key: run[key] for key in _FACTS})
    trajectory = Trajectory(facts, run["hardware"], run["versions"], epochs, divergence)
    return store.publish(trajectory.manifest(fingerprint))


def _fingerprint(run: Mapping[str, Any], settings: RunSettings) -> Fingerprint:
    """Return what a run.json says that the run was made with."""
    code = Code(run["code"]["modules"], run["code"]["packages"])
    computed = settings.computed_in(run["precision"]["used"])
    return Fingerprint(computed.identity(), run["data"]["hash"], code)


def _is_named(path: Path, digest: str) -> bool:
    """Tell whether a file is there, and is what run.json names."""
    try:
        return sha256_file(path) == digest
    except OSError:
        return False


def _read_tables(
    folder: Path, quantities: Sequence[str]
) -> tuple[list[EpochRecord], dict[int, StepRecords]]:
    """Return the epochs of a run and the steps of each. Raises Unreadable."""
    epochs = _read_table(folder / EPOCHS, [field.name for field in fields(EpochRecord)])
    steps = _read_table(folder / STEPS, ["epoch", "loss", "grad_norm", *quantities])
    rows = [EpochRecord(**row) for row in epochs.to_pylist()]
    recorded = {
        int(epoch): StepRecords(
            part["loss"].to_numpy(),
            part["grad_norm"].to_numpy(),
            {name: part[name].to_numpy() for name in quantities},
        )
        for epoch, part in steps.to_pandas().groupby("epoch")
    }
    missing = [str(row.epoch) for row in rows if row.epoch not in recorded]
    if missing:
        raise Unreadable(f"{STEPS} holds no steps of epochs {', '.join(missing)}")
    return rows, recorded


def _read_probes(folder: Path) -> dict[int, ProbeRecords]:
    """Return what was measured in each epoch that has anything. Raises Unreadable."""
    by_epoch: dict[int, ProbeRecords] = {}
    for row in _read_table(folder / PROBES, PROBES_SCHEMA.names).to_pylist():
        by_epoch.setdefault(row["epoch"], ProbeRecords()).probes.append(row)
    for row in _read_table(folder / SHIFT, SHIFT_SCHEMA.names).to_pylist():
        by_epoch.setdefault(row["epoch"], ProbeRecords()).shift.append(row)
    return by_epoch


def _read_predictions(folder: Path, run: Mapping[str, Any]) -> Fingerprint | None:
    """Return the fingerprint of a run's predictions, None if it has none. Raises Unreadable."""
    record = recorded_predictions(run)
    if record is None:
        return None
    inputs = record["inputs"]
    code = Code(inputs["modules"], inputs["packages"])
    fingerprint = Fingerprint(inputs["settings"], inputs["data"], code)
    own = {"weights": run["artifacts"][BEST]}
    own |= {key: run["settings"][key] for key in ("model", "architecture")}
    named = {key: inputs["settings"].get(key) for key in own}
    if fingerprint.digest != record["fingerprint"] or named != own:
        raise Unreadable(f"{RUN} was edited: its predictions are not of its weights")
    _read_table(folder / PREDICTIONS, ["index", "label", "predicted", "probabilities"])
    return fingerprint


def _read_table(path: Path, columns: Sequence[str]) -> pa.Table:
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError):  # Arrow says OSError of bytes it cannot decompress
        raise Unreadable(f"{path.name} is not a Parquet file") from None
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise Unreadable(f"{path.name} has no column {', '.join(missing)}")
    return table.select(columns)
