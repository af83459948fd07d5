"""What decides a run's predictions of the test split, and how the store keeps them. No torch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.fingerprint.run import Fingerprint, prediction_fingerprint
from pj2.runs.files import BEST, PREDICTIONS
from pj2.store.manifest import Blob, Manifest
from pj2.store.store import BlobUnavailable, RunStore

Predict = Callable[[Path, Path], None]
"""Called with a file of weights and the file to write; see `pj2.evaluation.predict`."""


def predictions_of(settings: RunSettings, weights: str, data: DataIdentity) -> Fingerprint:
    """Return what decides the predictions that weights make, given the SHA-256 of their file."""
    return prediction_fingerprint(
        weights, settings.model, settings.architecture, data.hash, data.classes
    )


def has_predictions(store: RunStore, fingerprint: Fingerprint) -> bool:
    """Tell whether the store seems to have predictions; their content is not read."""
    stored = store.manifests(fingerprint.digest, "predictions")
    return any(store.has(_blob(manifest)) for manifest in stored)


def write_predictions(
    store: RunStore, fingerprint: Fingerprint, folder: Path, predict: Predict
) -> None:
    """Write a run's predictions from the store, or else make them with the weights beside them."""
    for manifest in store.manifests(fingerprint.digest, "predictions"):
        with suppress(BlobUnavailable):
            store.fetch(_blob(manifest), folder / PREDICTIONS)
            store.touch(manifest)
            return
    predict(folder / BEST, folder / PREDICTIONS)
    made = keep_predictions(store, fingerprint, folder)
    if made:
        store.push(made)


def keep_predictions(store: RunStore, fingerprint: Fingerprint, folder: Path) -> Manifest | None:
    """Put the predictions in a folder into the store; return their entry if it is on disk."""
    blob = store.put((folder / PREDICTIONS).read_bytes())
    body = {"predictions": blob.as_json()}
    manifest = Manifest("predictions", fingerprint.digest, fingerprint.inputs, body)
    return manifest if store.publish(manifest) else None


def _blob(manifest: Manifest) -> Blob:
    return Blob(**manifest.body["predictions"])
