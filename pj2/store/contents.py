"""The entries of a store, for listing, clearing and exporting it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pj2.errors import UserError
from pj2.store.manifest import BLOBS, Blob, Manifest, blob_in, needed_blobs, progress_of
from pj2.store.store import RunStore
from pj2.store.tiers import Folder

SHORT = 12
"""Digits of a fingerprint or hash that are shown to people."""


@dataclass(frozen=True)
class Entry:
    """What a store holds under one fingerprint.

    ``manifests``: the most advanced first. ``used``: when the entry was last
    used, in seconds of Unix time; None if it is in the remote tier only.
    """

    manifests: tuple[Manifest, ...]
    used: float | None

    @property
    def newest(self) -> Manifest:
        """The most advanced manifest."""
        return self.manifests[0]

    @property
    def fingerprint(self) -> str:
        """The hex SHA-256 of what the entry was made from."""
        return self.newest.fingerprint

    @property
    def blobs(self) -> set[Blob]:
        """Every blob that one of the manifests refers to."""
        return {blob for manifest in self.manifests for blob in manifest.blobs}

    @property
    def needed(self) -> set[Blob]:
        """The blobs, except those that only a run with another budget needs."""
        return set().union(*map(needed_blobs, self.manifests))

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that went into the fingerprint."""
        settings: Mapping[str, Any] = self.newest.inputs.get("settings", {})
        return settings

    @property
    def state(self) -> str:
        """A run's state: ``diverged``, ``partial`` (within an epoch) or ``whole``.

        Empty for an entry that is not a run.
        """
        if self.newest.kind != "run":
            return ""
        if self.newest.body.get("divergence"):
            return "diverged"
        return "partial" if self.newest.steps else "whole"


def read_entries(store: RunStore) -> list[Entry]:
    """Return all entries, the most recently used first; those only in the remote tier are last."""
    return entries_of(store.all_manifests(), store.local)


def entries_of(manifests: Iterable[Manifest], local: Folder) -> list[Entry]:
    """Group manifests into entries, the most recently used in a folder first."""
    by_fingerprint: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        by_fingerprint.setdefault(manifest.fingerprint, []).append(manifest)
    entries = []
    for group in by_fingerprint.values():
        ordered = sorted(group, key=lambda each: (progress_of(each.name), each.name), reverse=True)
        times = [time for each in ordered if (time := local.used(each.name)) is not None]
        entries.append(Entry(tuple(ordered), max(times, default=None)))
    return sorted(entries, key=lambda entry: (-(entry.used or 0), entry.fingerprint))


def find_entry(entries: Iterable[Entry], prefix: str) -> Entry:
    """Return the one entry whose fingerprint begins with `prefix`.

    Raises UserError if there is none, or more than one.
    """
    entries = list(entries)
    matching = [entry for entry in entries if entry.fingerprint.startswith(prefix)]
    if len(matching) == 1:
        return matching[0]
    if not entries:
        raise UserError(f"{prefix}: no such entry; the store is empty")
    if not matching:
        known = [entry.fingerprint[: max(len(prefix), SHORT)] for entry in entries]
        nearest = difflib.get_close_matches(prefix, known, n=1, cutoff=0.0)[0]
        raise UserError(f"{prefix}: no entry begins with it; the nearest is {nearest}")
    candidates = ", ".join(entry.fingerprint[: max(len(prefix) + 4, SHORT)] for entry in matching)
    raise UserError(f"{prefix}: {len(matching)} entries begin with it: {candidates}")


def held_blobs(store: RunStore) -> dict[Blob, str]:
    """Return the local blobs with their names; each gets the size that its file has."""
    held = {}
    for name in store.names(BLOBS):
        sha256, size = blob_in(name), store.size(name)
        if sha256 and size is not None:  # otherwise no blob, or removed in the meantime
            held[Blob(sha256, size)] = name
    return held
