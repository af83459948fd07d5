"""Entries as training writes them, of a few bytes each, and what a test does to a store's files."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from pj2.config.names import canonical_json
from pj2.config.study import RunSettings
from pj2.store.manifest import Manifest
from pj2.store.store import RunStore
from pj2.store.tiers import Folder


def new_store(root, remote=None):
    """Return a store, and the list of the lines that it says."""
    said = []
    return RunStore(Folder(root), remote, said.append), said


def run_entry(store, accuracies=(0.1, 0.3, 0.2), test_accuracies=None, tag="", **settings):
    """Put the blobs of a run and return its manifest, not published yet."""
    chosen = {"model": "BasicCNN", "learning_rate": 0.001, "seed": 0, **settings}
    inputs = {
        "settings": RunSettings(**chosen).computed_in("fp32").identity(),
        "data": "d" * 64,
        "modules": {"pj2.made_up": {"tag": tag}},
        "packages": {"torch": "2"},
    }
    tested = test_accuracies or [None] * len(accuracies)
    name = f"{tag} {canonical_json(chosen)}"

    def blob(what):
        return store.put(f"{name} {what}".encode()).as_json()

    epochs = [
        {
            "row": {"epoch": i, "val_accuracy": accuracy, "test_accuracy": test},
            "steps": blob(f"steps {i}"),
            "weights": blob(f"weights {i}"),
        }
        for i, (accuracy, test) in enumerate(zip(accuracies, tested, strict=True))
    ]
    state = {"weights": epochs[-1]["weights"], "optimizer": blob(f"optimizer {len(epochs)}")}
    body = {
        "facts": {},
        "hardware": {"name": "cpu"},
        "versions": {"torch": "2"},
        "epochs": epochs,
        "divergence": None,
        "state": {**state, "partial": None, "steps": 0, "seconds": 0.0},
    }
    return Manifest("run", _digest(inputs), inputs, body, len(epochs), 0)


def predictions_entry(store, weights_sha256):
    """Put predictions made with some weights and return their manifest, not published yet."""
    settings = {"model": "BasicCNN", "weights": weights_sha256}
    inputs = {"settings": settings, "data": "d" * 64, "modules": {}, "packages": {}}
    body = {"predictions": store.put(f"predictions {weights_sha256}".encode()).as_json()}
    return Manifest("predictions", _digest(inputs), inputs, body)


def published(store, **arguments):
    """Publish a run's entry and return its manifest."""
    manifest = run_entry(store, **arguments)
    assert store.publish(manifest)
    return manifest


def weights(manifest, epoch):
    """Return the blob of an epoch's weights."""
    wanted = manifest.body["epochs"][epoch]["weights"]["sha256"]
    return next(blob for blob in manifest.blobs if blob.sha256 == wanted)


def flip_byte(path: Path) -> None:
    """Change one byte in the middle of a file, which keeps its size."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def make_old(root: Path, days: float) -> None:
    """Set the time of every file below a folder back by some days."""
    for path in files_below(root):
        used = path.stat().st_mtime - days * 86400
        os.utime(path, (used, used))


def files_below(root: Path) -> list[Path]:
    """Return every file below a folder, in the order of names."""
    return sorted(path for path in Path(root).rglob("*") if path.is_file())


def contents(root: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, by relative name."""
    return {str(path.relative_to(root)): path.read_bytes() for path in files_below(root)}


def mount(*arguments):
    """Call mount; skip the test where that is not permitted."""
    try:
        result = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if result.returncode:
        pytest.skip(f"mounting is not permitted here: {result.stderr.strip()}")


def _digest(inputs) -> str:
    return hashlib.sha256(canonical_json(inputs).encode()).hexdigest()
