"""Copies a finished run from a results folder into the store. No torch.

A results folder may outlive its store, or come from another machine without
it. Snakemake removes a run's files before it makes them again, so a run that
lies nowhere else would be lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.data.shares import validation_size
from pj2.errors import UserError
from pj2.fingerprint.code import Code
from pj2.fingerprint.run import Fingerprint
from pj2.runs.derived import keep
from pj2.runs.files import (
    BEST,
    EPOCHS,
    EPOCHS_SCHEMA,
    LAST,
    PREDICTIONS,
    PROBE_SCHEMAS,
    RUN,
    STEPS,
    EpochRecord,
    ProbeRecords,
    StepRecords,
    artifact_names,
)
from pj2.runs.record import RunInfo, read_run
from pj2.runs.result import Cut, Result, cut, describe, ending, has_result, kept_weights
from pj2.runs.trajectory import (
    Divergence,
    Epoch,
    Facts,
    Trajectory,
    pack_probes,
    pack_steps,
    stored_trajectories,
)
from pj2.store.files import open_parquet, sha256_file
from pj2.store.manifest import Blob
from pj2.store.records import BadRecord
from pj2.store.store import BlobUnavailable, RunStore

_FACTS = [field.name for field in fields(Facts)]
# Keys of a record that `_check` skips: the code that wrote or predicted, and the files' digests,
# which are compared one by one.
_OTHERWISE = {"predictions", "written_by", "artifacts", "digest"}
_PREDICTED = pa.schema(
    [("index", pa.int64()), ("label", pa.int64()), ("predicted", pa.int64()),
     ("probabilities", pa.list_(pa.float32()))]
)  # fmt: skip
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of BatchNorm: not trained


class NotTaken(UserError):
    """The files in a folder do not match its record."""


def adopt_run(store: RunStore, folder: Path, say: Callable[[str], None] = print) -> bool:
    """Put the run in a folder into the store, under the fingerprint that it was made with.

    The folder holds only the best and the last weights and no optimizer's state,
    so the run can be restored but not continued. Its predictions get their own entry.

    Return whether the run was taken: not if the store has it, or if a file other
    than the predictions differs from its digest in run.json. If the digests match, but
    run.json contradicts the files' content, `say` gets the reason.
    """
    try:
        run = read_run(folder)
        settings = RunSettings.model_validate(run["settings"])
    except (BadRecord, ValueError):
        return False
    names = artifact_names(settings.probe is not None)
    broken = {name for name in names if not _is_named(folder / name, run["artifacts"].get(name))}
    if broken - {PREDICTIONS}:
        return False
    whole = not broken
    try:
        contents: dict[Blob, bytes] = {}
        result = _result(folder, run, settings, contents)
        predictions = _predictions(folder, run) if whole else None
        stored = [each for _, each in stored_trajectories(store, result.fingerprint.digest)]
        end = ending(result.end, folder / PREDICTIONS) if whole else result.end
        _check(folder, run, result, end)
        _compare(result.trajectory, stored)
    except NotTaken as problem:
        say(f"{folder}: {problem}; the run is not taken into the store")
        return False
    # Even if the store has these blobs: writing them repairs damaged ones.
    if predictions:
        keep(store, "predictions", predictions, folder / PREDICTIONS)
    for content in contents.values():
        store.put(content)
    if any(has_result(store, trajectory, settings) for trajectory in stored):
        return False
    return store.publish(result.trajectory.manifest(result.fingerprint))


def _result(
    folder: Path, run: RunInfo, settings: RunSettings, contents: dict[Blob, bytes]
) -> Result:
    """Return the result in a folder; add the blobs that the store must keep to `contents`.

    Raises NotTaken if the files are not those of a run.
    """

    def add(content: bytes) -> Blob:
        blob = Blob.of(content)
        contents[blob] = content
        return blob

    rows, recorded = _read_tables(folder, settings)
    measured = _read_probes(folder) if settings.probe else {}
    best, last = (add((folder / name).read_bytes()) for name in (BEST, LAST))
    steps = {epoch: (len(part.loss), add(pack_steps(part))) for epoch, part in recorded.items()}
    # Each epoch of a probed run has a record of its probes, even an empty one.
    probes = {
        epoch: add(pack_probes(measured.get(epoch, ProbeRecords())))
        for epoch in range(len(rows) + 1 if settings.probe else 0)
    }
    facts = Facts(**{key: run[key] for key in _FACTS})  # type: ignore[literal-required]
    epochs = [Epoch(row, steps[row.epoch][1], None, probes.get(row.epoch)) for row in rows]
    made = Trajectory(facts, run["hardware"], run["versions"], tuple(epochs))
    if cut(made, settings) is None:  # fewer epochs than the budget asks for: it diverged
        none = 0, add(pack_steps(StepRecords.none(settings.quantities)))
        count, before = steps.get(len(rows), none)
        initial = None if rows else best
        divergence = Divergence(count, before, last, initial, probes.get(len(rows)))
        made = replace(made, divergence=divergence)
    end = cut(made, settings)
    assert end is not None
    kept = {None if end.status == "diverged" else end.epochs - 1: last, end.best_epoch: best}
    epochs = [replace(epoch, weights=kept.get(epoch.row.epoch)) for epoch in epochs]
    computed = settings.computed_in(run["precision"]["used"])
    code = Code(run["code"]["modules"], run["code"]["packages"])
    fingerprint = Fingerprint(computed.identity(), run["data"]["hash"], code)
    classes = tuple(run["predictions"]["inputs"]["settings"]["classes"])
    data = DataIdentity(run["data"]["hash"], classes)
    return Result(settings, data, fingerprint, replace(made, epochs=tuple(epochs)), end)


def _check(folder: Path, run: RunInfo, result: Result, end: Cut) -> None:
    """Raise NotTaken unless restoring the run from the store would give the same run.json."""
    try:
        kept = [blob.sha256 for blob in kept_weights(result.trajectory, result.end)]
    except BlobUnavailable:
        kept = []
    if kept != [run["artifacts"][name] for name in (BEST, LAST)]:
        raise NotTaken(f"{BEST} and {LAST} are not the weights of the epochs in {EPOCHS}")
    steps = pq.read_metadata(folder / STEPS).num_rows
    restored = describe(result, end, steps, run["artifacts"])
    said: Mapping[str, Any] = run
    differing = [key for key in restored if key not in _OTHERWISE and restored[key] != said[key]]
    if differing:
        raise NotTaken(f"{RUN} does not match its files: {', '.join(differing)}")
    data, fraction = run["data"], result.settings.validation_fraction
    held_out = validation_size(data["train_images"] + data["validation_images"], fraction)
    if data["validation_images"] != held_out:
        raise NotTaken(
            f"{RUN}: data.validation_images: {data['validation_images']} are not "
            f"{fraction} of all training images"
        )
    least, most = trained(_sizes(folder / BEST))
    if not least <= run["parameters"] <= most:
        raise NotTaken(f"{RUN}: parameters: {run['parameters']}, but {BEST} holds {most}")


def _compare(trajectory: Trajectory, stored: Sequence[Trajectory]) -> None:
    """Raise NotTaken if the store has other facts of the same run."""
    if any(_known(other) != _known(trajectory) for other in stored):
        raise NotTaken(
            f"{RUN}: parameters, macs, first_conv or the numbers of images in data are not "
            "those that the store has of this run"
        )


def _known(trajectory: Trajectory) -> list[Any]:
    """Return the facts that the fingerprint decides; a data set's name is not one of them."""
    facts = trajectory.facts
    images = [facts.data.get(f"{split}_images") for split in ("train", "validation", "test")]
    return [facts.parameters, facts.macs, facts.first_conv, *images]


def _sizes(weights: Path) -> dict[str, int]:
    """Return how many numbers each tensor of a file of weights holds. Raises NotTaken."""
    try:
        with safe_open(weights, framework="numpy") as file:
            return {name: math.prod(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise NotTaken(f"{weights.name} is no file of weights ({error})") from None


def trained(sizes: Mapping[str, int]) -> tuple[int, int]:
    """Return the least and the greatest number of parameters that a model can have.

    Tensors named weight or bias are parameters; BatchNorm's statistics are not; others may be.
    """
    own = {name: name.rpartition(".")[2] for name in sizes}
    least = sum(size for name, size in sizes.items() if own[name] in ("weight", "bias"))
    return least, sum(size for name, size in sizes.items() if own[name] not in _STATISTICS)


def _is_named(path: Path, digest: str | None) -> bool:
    """Tell whether a file exists and has the digest that run.json names."""
    try:
        return sha256_file(path) == digest
    except OSError:
        return False


def _read_tables(
    folder: Path, settings: RunSettings
) -> tuple[list[EpochRecord], dict[int, StepRecords]]:
    """Return the epochs of a run and the steps of each. Raises NotTaken."""
    measures = ["loss", "grad_norm", *settings.quantities]
    schema = pa.schema([("epoch", pa.int32()), *((name, pa.float32()) for name in measures)])
    epochs = _read_table(folder / EPOCHS, EPOCHS_SCHEMA)
    rows = [EpochRecord(**row) for row in epochs.to_pylist()]
    recorded = {
        int(epoch): StepRecords(
            part["loss"].to_numpy(),
            part["grad_norm"].to_numpy(),
            {name: part[name].to_numpy() for name in settings.quantities},
        )
        for epoch, part in _read_table(folder / STEPS, schema).to_pandas().groupby("epoch")
    }
    if [row.epoch for row in rows] != list(range(len(rows))):
        raise NotTaken(f"{EPOCHS} does not hold the epochs 0, 1, 2, …")
    left_out = [] if settings.test_every_epoch else ["test_loss", "test_accuracy"]
    left_out += [] if settings.validation_fraction else ["val_loss", "val_accuracy"]
    if any(epochs[name].null_count for name in EPOCHS_SCHEMA.names if name not in left_out):
        raise NotTaken(f"{EPOCHS} lacks a value")
    missing = [str(row.epoch) for row in rows if row.epoch not in recorded]
    if missing:
        raise NotTaken(f"{STEPS} holds no steps of epochs {', '.join(missing)}")
    return rows, recorded


def _read_probes(folder: Path) -> dict[int, ProbeRecords]:
    """Return the measurements of each epoch that has any. Raises NotTaken."""
    by_epoch: dict[int, ProbeRecords] = {}
    for file, schema in PROBE_SCHEMAS.items():
        for row in _read_table(folder / file, schema).to_pylist():
            by_epoch.setdefault(row["epoch"], ProbeRecords()).rows(file).append(row)
    return by_epoch


def _predictions(folder: Path, run: RunInfo) -> Fingerprint:
    """Return the fingerprint of a run's predictions. Raises NotTaken if they are not its own."""
    inputs = run["predictions"]["inputs"]
    code = Code(inputs["modules"], inputs["packages"])
    settings: Mapping[str, Any] = inputs["settings"]
    fingerprint = Fingerprint(settings, inputs["data"], code)
    own: dict[str, Any] = {"weights": run["artifacts"][BEST]}
    own |= {"model": run["settings"]["model"], "architecture": run["settings"]["architecture"]}
    named = {key: settings.get(key) for key in own}
    if fingerprint.digest != run["predictions"]["fingerprint"] or named != own:
        raise NotTaken(f"{RUN} was edited: its predictions are not of its weights")
    if len(_read_table(folder / PREDICTIONS, _PREDICTED)) != run["data"]["test_images"]:
        raise NotTaken(f"{PREDICTIONS} does not hold the data.test_images that {RUN} states")
    return fingerprint


def _read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read the columns of a schema, in its types. Raises NotTaken if a file lacks them."""
    try:
        with open_parquet(path) as file:
            table = file.read()
        missing = [name for name in schema.names if name not in table.column_names]
        if missing:
            raise NotTaken(f"{path.name} has no column {', '.join(missing)}")
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, OSError):  # OSError: bytes that Arrow cannot decompress
        raise NotTaken(f"{path.name} is not a Parquet file with a run's columns") from None
