"""What a store holds: blobs named by their content, and manifests that point to them.

    blobs/ab/abcd…                       one file's bytes; the name is its SHA-256
    entries/12/1234…/run.000003.000000.9f86d081884c7d65.json
                                         a manifest, in the folder of its fingerprint
    damaged/…                            what did not match its name, set aside

A manifest's name holds how far it goes (epochs, steps of the next one) and a
digest of its own content, so it verifies itself; it is written after all its
blobs, and never changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pj2.config.names import canonical_json

FORMAT = 1
BLOBS, ENTRIES, DAMAGED, PENDING = "blobs", "entries", "damaged", "pending"

Kind = Literal["run", "predictions"]
_NAME = re.compile(
    rf"{ENTRIES}/[0-9a-f]{{2}}/(?P<fingerprint>[0-9a-f]{{64}})/"
    r"(?P<kind>run|predictions)\.(?P<epochs>\d{6})\.(?P<steps>\d{6})\.(?P<digest>[0-9a-f]{16})\.json"
)
_BLOB_NAME = re.compile(rf"{BLOBS}/[0-9a-f]{{2}}/(?P<sha256>[0-9a-f]{{64}})")


@dataclass(frozen=True)
class Blob:
    """A file in a store, by its content: hex SHA-256 and size in bytes."""

    sha256: str
    size: int

    @property
    def name(self) -> str:
        """Where the file is, in any tier."""
        return f"{BLOBS}/{self.sha256[:2]}/{self.sha256}"

    def as_json(self) -> dict[str, Any]:
        """Return how a manifest refers to it."""
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
        """The manifest's file."""
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
    def blobs(self) -> list[Blob]:
        """Every blob that the manifest refers to, each once."""
        return list(dict.fromkeys(_blobs(self.body)))


def parse_manifest(name: str, content: bytes) -> Manifest | None:
    """Read a manifest; None if its content is not what its name says."""
    match = _NAME.fullmatch(name)
    if not match or hashlib.sha256(content).hexdigest()[:16] != match["digest"]:
        return None
    value = json.loads(content)
    if value["format"] != FORMAT:
        return None
    return Manifest(
        value["kind"],
        value["fingerprint"],
        value["inputs"],
        value["body"],
        value["epochs"],
        value["steps"],
    )


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


def _blobs(value: Any) -> Iterator[Blob]:
    if isinstance(value, Mapping):
        if value.keys() == {"sha256", "size"}:
            yield Blob(value["sha256"], value["size"])
        else:
            for part in value.values():
                yield from _blobs(part)
    elif isinstance(value, list):
        for part in value:
            yield from _blobs(part)
