"""Predictions that were computed before, and the record that stands beside them. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pj2.errors import UserError
from pj2.fingerprint.run import Fingerprint, prediction_fingerprint
from pj2.store.files import sha256_file, write_json
from pj2.store.manifest import Blob, Manifest
from pj2.store.store import BlobUnavailable, RunStore

PREDICTIONS = "predictions.parquet"
EVALUATION = "evaluation.json"


def fingerprint_of(run: Mapping[str, Any], classes: Sequence[str]) -> Fingerprint:
    """Return the fingerprint of a run's predictions, given its run.json and the data's classes."""
    weights = run["artifacts"]["best.safetensors"]
    settings = run["settings"]
    return prediction_fingerprint(
        weights, settings["model"], settings["architecture"], run["data"]["hash"], classes
    )


def check_weights(path: Path, run: Mapping[str, Any]) -> None:
    """Raise UserError unless the weights are those that run.json speaks of."""
    if sha256_file(path) != run["artifacts"][path.name]:
        raise UserError(f"{path}: damaged: not the bytes that run.json names; run snakemake again")


def restore_predictions(store: RunStore, fingerprint: Fingerprint, folder: Path) -> bool:
    """Write a run's predictions from the store; return whether it has them."""
    for manifest in store.manifests(fingerprint.digest, "predictions"):
        try:
            store.fetch(Blob(**manifest.body["predictions"]), folder / PREDICTIONS)
        except BlobUnavailable:
            continue
        _write_record(fingerprint, folder)
        store.touch(manifest)
        return True
    return False


def keep_predictions(store: RunStore, fingerprint: Fingerprint, folder: Path) -> None:
    """Put the predictions in a folder into the store, and write the record beside them."""
    blob = store.put((folder / PREDICTIONS).read_bytes())
    body = {"predictions": blob.as_json()}
    manifest = Manifest("predictions", fingerprint.digest, fingerprint.inputs, body)
    _write_record(fingerprint, folder)
    if store.publish(manifest):
        store.push(manifest)


def _write_record(fingerprint: Fingerprint, folder: Path) -> None:
    record = {
        "fingerprint": fingerprint.digest,
        "inputs": fingerprint.inputs,
        "artifacts": {PREDICTIONS: sha256_file(folder / PREDICTIONS)},
    }
    write_json(folder / EVALUATION, record)
