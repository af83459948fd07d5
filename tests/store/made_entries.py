"""Entries as training writes them, of a few bytes each, and what a test does to a store's files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from pj2.config.names import canonical_json
from pj2.config.study import RunSettings
from pj2.fingerprint.code import Code
from pj2.fingerprint.run import Fingerprint
from pj2.runs.files import EpochRecord
from pj2.runs.trajectory import Epoch, State, Trajectory
from pj2.store.manifest import Manifest
from pj2.store.store import RunStore
from pj2.store.tiers import Folder
from tests.helpers.made_up import FACTS


def new_store(root, remote=None):
    """Return a store, and the list of the lines that it says."""
    said = []
    return RunStore(Folder(root), remote, said.append), said


def run_entry(store, accuracies=(0.1, 0.3, 0.2), test_accuracies=None, tag="", **settings):
    """Put the blobs of a run and return its manifest, not published yet."""
    chosen = {"model": "BasicCNN", "learning_rate": 0.001, "seed": 0, **settings}
    identity = RunSettings(**chosen).computed_in("fp32").identity()
    code = Code({"pj2.made_up": {"tag": tag}}, {"torch": "2"})
    tested = test_accuracies or [None] * len(accuracies)
    name = f"{tag} {canonical_json(chosen)}"

    def blob(what):
        return store.put(f"{name} {what}".encode())

    epochs = tuple(
        Epoch(
            EpochRecord(i, 1.0, 0.5, 1.0, accuracy, None, test, 1.0, 9.0),
            blob(f"steps {i}"),
            blob(f"weights {i}"),
        )
        for i, (accuracy, test) in enumerate(zip(accuracies, tested, strict=True))
    )
    state = State(epochs[-1].weights, blob(f"optimizer {len(epochs)}"))
    made = Trajectory(FACTS, {"name": "cpu"}, {"torch": "2"}, epochs, None, state)
    return made.manifest(Fingerprint(identity, "d" * 64, code))


def predictions_entry(store, weights_sha256):
    """Put predictions made with some weights and return their manifest, not published yet."""
    settings = {"model": "BasicCNN", "weights": weights_sha256}
    made = Fingerprint(settings, "d" * 64, Code({}, {}))
    body = {"predictions": store.put(f"predictions {weights_sha256}".encode()).as_json()}
    return Manifest("predictions", made.digest, made.inputs, body)


def published(store, **arguments):
    """Publish a run's entry and return its manifest."""
    manifest = run_entry(store, **arguments)
    assert store.publish(manifest)
    return manifest


def study(path: Path, **experiment) -> Path:
    """Write a config of one run: that of `run_entry` unless something is changed."""
    grid = {"models": ["BasicCNN"], "learning_rates": [0.001], **experiment}
    path.write_text(json.dumps({"study": "s", "experiments": {"e": grid}}))
    return path


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
