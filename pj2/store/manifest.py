"""What a store holds: blobs named by their content, and manifests that point to them::

    blobs/ab/abcd…                       one file's bytes; the name is its SHA-256
    entries/12/1234…/run.000003.000000.9f86d081884c7d65.json
                                         a manifest, in the folder of its fingerprint
    damaged/…                            files that did not match their names, set aside

A manifest's name contains how far its run has come (epochs, steps of the next
one) and a digest of its content, by which it is verified. It is written after
all its blobs, and never changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pj2.config.names import canonical_json
from pj2.store.files import Damaged, Stated

# A later format needs other file names: this version sets aside as damaged what it cannot read.
FORMAT = 1
BLOBS, ENTRIES, DAMAGED, PENDING = "blobs", "entries", "damaged", "pending"
# An epoch takes half a kilobyte of a run's manifest: more than 25,000 epochs fit.
MANIFEST_BYTES = 1 << 24
_MOST_SPACED = 3

Kind = Literal["run", "predictions", "measurement"]
_NAME = re.compile(
    rf"{ENTRIES}/(?P<start>[0-9a-f]{{2}})/(?P<fingerprint>(?P=start)[0-9a-f]{{62}})/"
    r"(?P<kind>run|predictions|measurement)\.(?P<epochs>[0-9]{6})\.(?P<steps>[0-9]{6})\."
    r"(?P<digest>[0-9a-f]{16})\.json"
)
_BLOB_NAME = re.compile(rf"{BLOBS}/(?P<start>[0-9a-f]{{2}})/(?P<sha256>(?P=start)[0-9a-f]{{62}})")


@dataclass(frozen=True)
class Blob:
    """A file in a store, by its content: hex SHA-256 and size in bytes.

    Raises ValueError for anything else, so that no reference leads out of a store.
    """

    sha256: str
    size: int

    def __post_init__(self) -> None:
        if type(self.size) is not int or self.size < 0 or not blob_in(self.name):
            raise ValueError(f"{self.sha256!r}, {self.size!r}: not a SHA-256 and a size")

    @property
    def name(self) -> str:
        """Where the file is, in any tier."""
        return f"{BLOBS}/{self.sha256[:2]}/{self.sha256}"

    @property
    def stated(self) -> Stated:
        """The digest and size that its file must have."""
        return Stated(self.sha256, self.size)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON with which a manifest refers to it."""
        return {"sha256": self.sha256, "size": self.size}

    @classmethod
    def of(cls, data: bytes) -> Blob:
        """Return the reference to these bytes."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))


@dataclass(frozen=True)
class Manifest:
    """One entry: what it was made from (`inputs`), and its content with references to blobs.

    `epochs` and `steps` tell how far a run has come: whole epochs, and steps
    of the one after them. `body` is JSON; blobs in it are `Blob.as_json`.
    """

    kind: Kind
    fingerprint: str
    inputs: Mapping[str, Any]
    body: Mapping[str, Any]
    epochs: int = 0
    steps: int = 0

    @property
    def content(self) -> bytes:
        """The bytes of the manifest's file."""
        value = {
            "format": FORMAT,
            "kind": self.kind,
            "fingerprint": self.fingerprint,
            "epochs": self.epochs,
            "steps": self.steps,
            "inputs": self.inputs,
            "body": self.body,
        }
        return canonical_json(value).encode()

    @property
    def name(self) -> str:
        """Where the manifest is, in any tier."""
        digest = hashlib.sha256(self.content).hexdigest()[:16]
        last = f"{self.kind}.{self.epochs:06d}.{self.steps:06d}.{digest}.json"
        return f"{entry_folder(self.fingerprint)}/{last}"

    @property
    def file(self) -> Blob:
        """The one blob of an entry that is not a run."""
        return Blob(**self.body[self.kind])

    @property
    def blobs(self) -> list[Blob]:
        """Every blob that the manifest refers to, each once."""
        return list(dict.fromkeys(blob for _, blob in places(self)))


class Source(Protocol):
    """Where files lie under names: a tier, or an archive."""

    def read(self, name: str, stated: Stated) -> bytes:
        """Return a file's content, verified. Raises FileNotFoundError, Damaged or another error."""


def read_manifest(source: Source, name: str, place: str = "") -> Manifest:
    """Read a manifest by its name, from another place if it was moved. Raises as `source.read`.

    Anybody may have written it, so its parts are checked as well.
    """
    match = _NAME.fullmatch(name)
    if not match:
        raise Damaged("not the name of a manifest", name)
    stated = Stated(match["digest"], MANIFEST_BYTES, exact=False)
    content = source.read(place or name, stated)
    try:
        value = json.loads(content)
        fields = ("kind", "fingerprint", "inputs", "body", "epochs", "steps")
        manifest = Manifest(*(value[field] for field in fields))
        intact = value["format"] == FORMAT and manifest.name == name and _has_parts(manifest)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        intact = False
    if not intact:
        raise Damaged("not a manifest of this version", name)
    return manifest


def _has_parts(manifest: Manifest) -> bool:
    """Tell whether the parts of a manifest that are used have the right types."""
    if manifest.kind == "run":
        needed_blobs(manifest)  # reads the epochs, and every reference
    elif manifest.body != {manifest.kind: manifest.file.as_json()}:
        return False
    parts = [
        *(manifest.inputs.get(key, {}) for key in ("settings", "packages")),
        *(manifest.body.get(key, {}) for key in ("hardware", "versions")),
    ]
    return all(isinstance(part, dict) for part in parts)


def entry_folder(fingerprint: str) -> str:
    """Return the folder of a fingerprint's manifests."""
    return f"{ENTRIES}/{fingerprint[:2]}/{fingerprint}"


def fingerprint_in(name: str) -> str | None:
    """Return the fingerprint in a manifest's name; None if it is no such name."""
    match = _NAME.fullmatch(name)
    return match["fingerprint"] if match else None


def blob_in(name: str) -> str | None:
    """Return the SHA-256 in a blob's name; None if it is no such name."""
    match = _BLOB_NAME.fullmatch(name)
    return match["sha256"] if match else None


def progress_of(name: str) -> tuple[int, int]:
    """Return the epochs and steps in a manifest's name."""
    match = _NAME.fullmatch(name)
    return (int(match["epochs"]), int(match["steps"])) if match else (-1, -1)


def places(manifest: Manifest) -> list[tuple[str, Blob]]:
    """Return where in a manifest's body each blob is referred to, such as ``epochs.3.weights``."""
    return list(_places(manifest.body, ""))


def best_epochs(rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the best epoch by each accuracy that a run may monitor."""
    best = set()
    for key in ("val_accuracy", "test_accuracy"):
        greatest, where = -1.0, None
        for place, row in enumerate(rows):
            value = row.get(key)
            if value is not None and value > greatest:
                greatest, where = value, place
        if where is not None:
            best.add(where)
    return best


def spaced_epochs(epochs: int) -> set[int]:
    """Return a few of the first `epochs` epochs (0-based), a power of two apart."""
    apart = 1
    while epochs // apart > _MOST_SPACED:
        apart *= 2
    return set(range(apart - 1, epochs, apart))


def thinnable(manifest: Manifest) -> set[Blob]:
    """Return the blobs that only a run with another budget needs.

    A shorter budget needs the weights of epochs that are neither the best nor the last; a
    longer one needs the optimizer's state after whole epochs. Without them such a run is
    trained from the start. The state within an epoch is never thinned.
    """
    epochs = manifest.body.get("epochs", []) if manifest.kind == "run" else []
    kept = {len(epochs) - 1} | best_epochs([epoch["row"] for epoch in epochs])
    spared = {f"epochs.{position}.weights" for position in range(len(epochs))}
    spared -= {f"epochs.{position}.weights" for position in kept}
    if not manifest.steps:
        spared.add("state.optimizer")
    placed = places(manifest)
    needed = {blob for place, blob in placed if place not in spared}
    return {blob for place, blob in placed if place in spared} - needed


def needed_blobs(manifest: Manifest) -> set[Blob]:
    """Return the blobs of a manifest without those that are `thinnable`."""
    return set(manifest.blobs) - thinnable(manifest)


def _places(value: Any, place: str) -> Iterator[tuple[str, Blob]]:
    if isinstance(value, Mapping):
        if value.keys() == {"sha256", "size"}:
            yield place, Blob(value["sha256"], value["size"])
            return
        parts: Iterable[tuple[Any, Any]] = value.items()
    else:
        parts = enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _places(part, f"{place}.{key}" if place else str(key))
