"""The run store: what was trained once, kept, and handed out only after verification.

A local folder comes first; an optional remote tier is read through and written
behind. Neither failing stops a run: what cannot be kept is held in memory, and
the user is told in one line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from pj2.store.files import atomic_path
from pj2.store.manifest import (
    DAMAGED,
    ENTRIES,
    PENDING,
    Blob,
    Kind,
    Manifest,
    entry_folder,
    fingerprint_in,
    is_whole,
    parse_manifest,
    progress_of,
    thinnable,
)
from pj2.store.tiers import Folder, Tier, TierError

Result = TypeVar("Result")

# A manifest and the one before it: should the newer be damaged, the older is used.
GENERATIONS = 2


class BlobUnavailable(Exception):
    """A blob is missing or damaged in every tier; what needs it must be made again."""


class RunStore:
    """Blobs and manifests in a local folder, with an optional remote tier behind it.

    Args:
        local: where this machine keeps its runs; made when first written to.
        remote: another tier, or None.
        say: takes each line that the user must see.
    """

    def __init__(
        self, local: Folder, remote: Tier | None = None, say: Callable[[str], None] = print
    ) -> None:
        self.local = local
        self.remote = remote
        self.writable = True
        self._mirrored = remote is not None  # stays so when the remote tier fails
        self._say = say
        self._memory: dict[str, bytes] = {}

    # Writing

    def put(self, data: bytes) -> Blob:
        """Keep bytes, on disk where that is possible, in memory for this process otherwise."""
        blob = Blob.of(data)
        if self.writable:
            try:
                self.local.keep(blob.name, data)
                return blob
            except OSError as error:
                self._stop_writing(error)
        self._memory[blob.sha256] = data
        return blob

    def forget(self, blob: Blob) -> None:
        """Drop bytes that are held in memory only; what is on disk stays."""
        self._memory.pop(blob.sha256, None)

    def publish(self, manifest: Manifest) -> bool:
        """Write a manifest, after all its blobs; return whether it is on disk."""
        if self.writable and not any(blob.sha256 in self._memory for blob in manifest.blobs):
            try:
                self.local.keep(manifest.name, manifest.content)
                return True
            except OSError as error:
                self._stop_writing(error)
        return False

    def retire(self, manifest: Manifest, blobs: Collection[Blob]) -> None:
        """Remove a manifest that a later one replaces, and blobs that no other refers to.

        Whatever another entry might refer to as well is gc's to remove.
        """
        if not self.writable:
            return
        try:
            self.local.remove(manifest.name)
            for blob in blobs:
                self.local.remove(blob.name)
        except OSError as error:
            self._stop_writing(error)

    def push(self, manifest: Manifest) -> None:
        """Write an entry to the remote tier too, with those that could not be written before."""
        if not self._mirrored or not self.writable:
            return
        try:
            self.local.write(f"{PENDING}/{manifest.name.replace('/', '+')}", b"")
        except OSError as error:
            self._stop_writing(error)
            return
        self.push_pending()

    def push_pending(self) -> None:
        """Write those entries to the remote tier that could not be written before."""
        for name in self.local.names(PENDING):
            waiting = name.removeprefix(f"{PENDING}/").replace("+", "/")
            if self.remote is None or not self._push(waiting):
                return
            with suppress(OSError):  # it is pushed again next time, which changes nothing
                self.local.remove(name)

    # Reading

    def manifests(
        self, fingerprint: str, kind: Kind = "run", remote: bool = True
    ) -> Iterator[Manifest]:
        """Yield the intact manifests of a fingerprint, the most advanced first, local ones first.

        Damaged ones are set aside and reported. The remote tier is asked only
        if the local ones were not enough for the caller, and `remote` allows it.
        """
        yield from self._manifests(lambda tier: _of_entry(tier, fingerprint, kind), remote)

    def all_manifests(self) -> Iterator[Manifest]:
        """Yield every intact manifest, local ones first, as `manifests` does."""
        yield from self._manifests(_of_all_entries)

    def has(self, blob: Blob) -> bool:
        """Tell whether a blob seems to be there: its content is checked when it is fetched."""
        if blob.sha256 in self._memory or self.local.size(blob.name) == blob.size:
            return True
        remote = self.remote
        return remote is not None and self._guarded(lambda: remote.size(blob.name)) == blob.size

    def fetch(self, blob: Blob, path: Path) -> None:
        """Copy a blob to `path`, verified on the way. Raises BlobUnavailable."""
        data = self.read(blob)
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)

    def read(self, blob: Blob) -> bytes:
        """Return a blob's bytes, verified. Raises BlobUnavailable."""
        if blob.sha256 in self._memory:
            return self._memory[blob.sha256]
        data = self.local_blob(blob)
        return self._download(blob) if data is None else data

    def touch(self, manifest: Manifest) -> None:
        """Mark an entry as used now; gc removes those unused for longest first.

        One that came from the remote tier is held here from now on, as its
        blobs are that were fetched.
        """
        if self.local.size(manifest.name) is not None:
            self.local.touch(manifest.name)
        else:
            self.publish(manifest)

    def local_blob(self, blob: Blob) -> bytes | None:
        """Read a blob of the local tier; None if it is gone, damaged or unreadable.

        One that is damaged is set aside and reported.
        """
        return self._readable(blob.name, lambda data: data if Blob.of(data) == blob else None)

    def local_manifest(self, name: str) -> Manifest | None:
        """Read a manifest of the local tier; None if it is gone, damaged or unreadable.

        One that is damaged is set aside and reported.
        """
        return self._readable(name, partial(parse_manifest, name))

    def read_manifest(self, name: str) -> Manifest | None:
        """Read one as `local_manifest` does. Raises OSError if it cannot be read."""
        return self._intact(name, partial(parse_manifest, name))

    def set_aside(self, name: str) -> bool:
        """Move a damaged file where nothing reads it, and report that.

        Return False if it is whole: another process has mended it since it was read.
        """
        place = f"{DAMAGED}/{name.rpartition('/')[2]}.{time.time_ns()}"
        try:
            self.local.path(DAMAGED).mkdir(parents=True, exist_ok=True)
            self.local.path(name).rename(self.local.path(place))
            if is_whole(name, self.local.read(place)):
                self.local.path(place).replace(self.local.path(name))
                return False
            done = f"set aside as {place}"
        except FileNotFoundError:
            done = "set aside by another process"
        except OSError as error:
            done = f"left there ({error.strerror})"
        self._say(f"store {self.local}: {name} is damaged; it is not used, and was {done}")
        return True

    # Below: how

    def _intact(self, name: str, parse: Callable[[bytes], Result | None]) -> Result | None:
        """Read a local file; None if it is gone, or damaged: `parse` gives None then."""
        for _ in range(2):
            try:
                found = parse(self.local.read(name))
            except FileNotFoundError:
                return None  # replaced by its writer in the meantime
            if found is not None or self.set_aside(name):
                return found
        return None

    def _readable(self, name: str, parse: Callable[[bytes], Result | None]) -> Result | None:
        """Read a file as `_intact` does; if it cannot be read, say so and do without it."""
        try:
            return self._intact(name, parse)
        except OSError as error:
            self._say(f"store {self.local}: {name} cannot be read ({error.strerror})")
            return None

    def _local_manifests(self, names_in: Callable[[Tier], list[str]]) -> Iterator[Manifest]:
        tried: set[str] = set()
        while names := [name for name in names_in(self.local) if name not in tried]:
            for name in names:
                tried.add(name)
                manifest = self.local_manifest(name)
                if manifest is None:
                    break  # a newer one may have replaced it, which the list lacks
                yield manifest
            else:
                return

    def _manifests(
        self, names_in: Callable[[Tier], list[str]], remote_too: bool = True
    ) -> Iterator[Manifest]:
        seen = set()
        for manifest in self._local_manifests(names_in):
            seen.add(manifest.name)
            yield manifest
        if self.remote is None or not remote_too:
            return
        remote = self.remote
        for name in self._guarded(lambda: names_in(remote)) or []:
            if name in seen or self.remote is None:
                continue
            content = self._guarded(partial(remote.read, name))
            if content is None:
                continue
            found = parse_manifest(name, content)
            if found:
                yield found
            else:
                self._say(f"store {remote}: {name} is damaged; it is not used")

    def _download(self, blob: Blob) -> bytes:
        remote = self.remote
        data = self._guarded(lambda: remote.read(blob.name)) if remote is not None else None
        if data is None:
            raise BlobUnavailable(f"{blob.sha256[:12]} is not in the store")
        if Blob.of(data) != blob:
            self._say(f"store {remote}: blob {blob.sha256[:12]} is damaged; it is not used")
            raise BlobUnavailable(f"{blob.sha256[:12]} is damaged")
        if self.writable:
            try:
                self.local.write(blob.name, data)
            except OSError as error:
                self._stop_writing(error)
        return data

    def _push(self, name: str) -> bool:
        """Copy one entry to the remote tier, its manifest last; False if the remote failed."""
        remote = self.remote
        assert remote is not None
        manifest = self.local_manifest(name)
        if manifest is None:
            return True  # replaced or removed since; nothing is left to push

        def copy() -> bool:
            for blob in manifest.blobs:
                if remote.size(blob.name) != blob.size:
                    try:
                        data = self.read(blob)
                    except BlobUnavailable:
                        if blob in thinnable(manifest):
                            continue
                        return True  # it was reported; an entry without it is of no use there
                    remote.write(blob.name, data)
            remote.write(manifest.name, manifest.content)
            return True

        return bool(self._guarded(copy))

    def _stop_writing(self, error: OSError) -> None:
        self.writable = False
        self._say(
            f"store {self.local}: cannot be written ({error.strerror or error}); "
            "going on, but this run can be neither resumed nor reused"
        )

    def _guarded(self, action: Callable[[], Result]) -> Result | None:
        """Do something with the remote tier; if it fails, say so once and do without it."""
        try:
            return action()
        except FileNotFoundError:
            return None
        except TierError as error:
            reason = str(error).splitlines()[0]
            self._say(f"store {self.remote}: not reachable ({reason}); going on without it")
            self.remote = None
            return None


def _of_entry(tier: Tier, fingerprint: str, kind: Kind) -> list[str]:
    """Return the names of an entry's manifests, the most advanced first."""
    names = tier.names(entry_folder(fingerprint))
    names = [name for name in names if name.rpartition("/")[2].startswith(f"{kind}.")]
    return sorted(names, key=lambda name: (progress_of(name), name), reverse=True)


def _of_all_entries(tier: Tier) -> list[str]:
    return [name for name in tier.names(ENTRIES) if fingerprint_in(name)]
