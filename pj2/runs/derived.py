"""Files that are computed from trained weights, as the run store keeps them. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pj2.config.catalogue import MODELS
from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.fingerprint.code import code_of
from pj2.fingerprint.run import Fingerprint, prediction_fingerprint
from pj2.store.manifest import Manifest
from pj2.store.store import BlobUnavailable, RunStore

Kind = Literal["predictions", "measurement"]
Predict = Callable[[Path, Path], None]
"""Called with a file of weights and the file to write; see `pj2.evaluation.predict`."""


def predictions_of(settings: RunSettings, weights: str, data: DataIdentity) -> Fingerprint:
    """Return the fingerprint of the predictions of weights, given the SHA-256 of their file."""
    return prediction_fingerprint(
        weights, settings.model, settings.architecture, data.hash, data.classes
    )


def measurement_of(
    name: str, described: Mapping[str, Any], run: Mapping[str, Any], data: str, module: str
) -> Fingerprint:
    """Return the fingerprint of a measurement of the loss around the weights of a run.

    Args:
        name: what is measured, with all settings that `described` lacks.
        described: the run, its weights and the config's section; see `describe`.
        run: the settings in the run's record.
        data: the content hash of the data.
        module: the module that computes the measurement.
    """
    own = {key: run[key] for key in ("model", "learning_rate", "seed")}
    about = {"measured": name, "weights": described["sha256"], "described": described, "run": run}
    return Fingerprint(own | about, data, code_of(module, MODELS.modules()[run["model"]]))


def is_kept(store: RunStore, kind: Kind, fingerprint: Fingerprint) -> bool:
    """Tell whether the store seems to have a file; its content is not read."""
    stored = store.manifests(fingerprint.digest, kind)
    return any(store.has(manifest.file) for manifest in stored)


def restore_or_make(
    store: RunStore, kind: Kind, fingerprint: Fingerprint, path: Path, make: Callable[[], None]
) -> bool:
    """Write a file from the store, or else make it and keep it; tell whether it was restored."""
    for manifest in store.manifests(fingerprint.digest, kind):
        with suppress(BlobUnavailable):
            store.fetch(manifest.file, path)
            store.touch(manifest)
            return True
    make()
    kept = keep(store, kind, fingerprint, path)
    if kept:
        store.push(kept)
    return False


def keep(store: RunStore, kind: Kind, fingerprint: Fingerprint, path: Path) -> Manifest | None:
    """Put a file into the store; return its entry if it is on disk."""
    body: dict[str, Any] = {kind: store.put(path.read_bytes()).as_json()}
    manifest = Manifest(kind, fingerprint.digest, fingerprint.inputs, body)
    return manifest if store.publish(manifest) else None
