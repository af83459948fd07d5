"""The run store: it keeps trained runs, and verifies every file before it returns it.

A local folder comes first; files that it lacks are read from an optional remote
tier, to which finished runs are copied. If a tier fails, the run goes on: data that
cannot be written stay in memory, files that cannot be read count as missing, and
the user gets one line.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from pj2.errors import in_one_line
from pj2.store.files import Damaged, atomic_path
from pj2.store.manifest import (
    DAMAGED,
    ENTRIES,
    MANIFEST_BYTES,
    PENDING,
    Blob,
    Kind,
    Manifest,
    entry_folder,
    fingerprint_in,
    progress_of,
    read_manifest,
    thinnable,
)
from pj2.store.tiers import Folder, Tier, TierError

Result = TypeVar("Result")
Choose = Callable[[list[str]], list[str]]

# A manifest and the one before it: if the newer is damaged, the older is used.
GENERATIONS = 2
# A process takes no longer between writing a blob and the manifest that refers to it.
IN_USE_SECONDS = 10.0


class BlobUnavailable(Exception):
    """A blob is missing or damaged in every tier; whatever needs it must be made again."""


class RunStore:
    """Blobs and manifests in a local folder, with an optional remote tier behind it.

    Args:
        local: where this machine keeps its runs; made when first written to.
        remote: another tier, or None.
        say: shows a line to the user.
    """

    def __init__(
        self, local: Folder, remote: Tier | None = None, say: Callable[[str], None] = print
    ) -> None:
        self.local = local
        self.remote = remote
        self.writable = True
        self.keeps_every_epoch = False
        self._mirrored = remote is not None  # stays so when the remote tier fails
        self._show = say
        self._said: set[str] = set()
        self._memory: dict[str, bytes] = {}
        self._written: set[str] = set()  # names of blobs that were not there before
        self._damaged_there: set[str] = set()  # names in the remote tier, until they are mended

    # Writing

    def put(self, data: bytes) -> Blob:
        """Keep bytes: on disk if possible, otherwise in the memory of this process."""
        blob = Blob.of(data)
        if self.writable:
            try:
                if self.local.keep(blob.name, data):
                    self._written.add(blob.name)
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
                if len(manifest.content) > MANIFEST_BYTES:  # no reader would accept it
                    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
                self.local.keep(manifest.name, manifest.content)
                return True
            except OSError as error:
                self._stop_writing(error)
        return False

    def discard(self, blobs: Iterable[Blob]) -> None:
        """Remove blobs, if this process wrote them and no process used them just now.

        Others may belong to another entry, or to a manifest that is about to be published.
        """
        names = {blob.name for blob in blobs} & self._written
        if not names or not self.writable:
            return
        try:
            since = self.local.now() - IN_USE_SECONDS
            for name in names:
                if not self.local.used_since(name, since):
                    self.local.remove(name)
                    self._written.discard(name)
        except OSError as error:
            self._stop_writing(error)

    def retire(self, manifest: Manifest, blobs: Collection[Blob]) -> None:
        """Remove a manifest that a later one replaces, and `blobs`, which no other refers to.

        Blobs that another entry may refer to are left for gc.
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
        """Copy an entry to the remote tier, and those that could not be copied before."""
        if not self._mirrored or not self.writable:
            return
        try:
            self.local.write(f"{PENDING}/{manifest.name.replace('/', '+')}", b"")
        except OSError as error:
            self._stop_writing(error)
            return
        self.push_pending()

    def push_pending(self) -> None:
        """Copy to the remote tier the entries that could not be copied before."""
        for name in self.names(PENDING):
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

        Damaged ones are set aside and reported. The remote tier is read only
        if the caller needs more than the local ones, and `remote` allows it.
        """
        wanted = partial(_of_entry, fingerprint, kind)
        yield from self._manifests(entry_folder(fingerprint), wanted, remote)

    def all_manifests(self) -> Iterator[Manifest]:
        """Yield every intact manifest, local ones first, as `manifests` does."""
        yield from self._manifests(ENTRIES, lambda names: list(filter(fingerprint_in, names)))

    def names(self, folder: str) -> list[str]:
        """Return the names of local files below a folder; one that cannot be listed is skipped."""
        return self.local.names(folder, self._not_listed)

    def size(self, name: str) -> int | None:
        """Return the size of a local file; None if it is missing or its folder is unreadable."""
        try:
            return self.local.size(name)
        except OSError as error:
            self._not_read(name.rpartition("/")[0], error)
            return None

    def has(self, blob: Blob) -> bool:
        """Tell whether a blob seems to exist; its content is verified only when it is read."""
        if blob.sha256 in self._memory or self.size(blob.name) == blob.size:
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

        A manifest that came from the remote tier is written to the local folder,
        like the blobs that were fetched.
        """
        if self.size(manifest.name) is not None:
            self.local.touch(manifest.name, manifest.content)
        else:
            self.publish(manifest)

    def local_blob(self, blob: Blob) -> bytes | None:
        """Read a blob of the local tier; None if it is gone, damaged or unreadable.

        One that is damaged is set aside and reported.
        """
        return self._readable(blob.name, lambda place: self.local.read(place, blob.stated))

    def local_manifest(self, name: str) -> Manifest | None:
        """Read a manifest of the local tier; None if it is gone, damaged or unreadable.

        One that is damaged is set aside and reported.
        """
        return self._readable(name, partial(read_manifest, self.local, name))

    def read_manifest(self, name: str) -> Manifest | None:
        """Read a manifest as `local_manifest` does. Raises OSError if it cannot be read."""
        return self._intact(name, partial(read_manifest, self.local, name))

    def set_aside(self, name: str, read: Callable[[str], Result]) -> Result | None:
        """Move a damaged file to where nothing reads it, and report that.

        If another process has repaired it meanwhile, put it back and return its content.

        Args:
            read: returns the content of the file at a place, or raises Damaged.
        """
        place = f"{DAMAGED}/{name.rpartition('/')[2]}.{time.time_ns()}"
        try:
            self.local.path(DAMAGED).mkdir(parents=True, exist_ok=True)
            self.local.path(name).rename(self.local.path(place))
            with suppress(Damaged):
                mended = read(place)
                self.local.path(place).replace(self.local.path(name))
                return mended
            done = f"set aside as {place}"
        except FileNotFoundError:
            done = "set aside by another process"
        except OSError as error:
            done = f"left there ({error.strerror})"
        self._say(f"store {self.local}: {name} is damaged; it is not used, and was {done}")
        return None

    def report_unusable(self, manifest: Manifest, error: Exception) -> None:
        """Report why an intact manifest is not used."""
        reason = str(error).splitlines()[0]
        self._say(f"store {self.local}: {manifest.name} is not used: it holds no run ({reason})")

    # Internals

    def _intact(self, name: str, read: Callable[[str], Result]) -> Result | None:
        """Read a local file; None if it is gone, or damaged, in which case it is set aside."""
        try:
            return read(name)
        except FileNotFoundError:
            return None  # replaced by its writer in the meantime
        except Damaged:
            return self.set_aside(name, read)

    def _readable(self, name: str, read: Callable[[str], Result]) -> Result | None:
        """Read a file as `_intact` does; if it cannot be read, report that and return None."""
        try:
            return self._intact(name, read)
        except OSError as error:
            self._not_read(name, error)
            return None

    def _local_manifests(self, folder: str, wanted: Choose) -> Iterator[Manifest]:
        tried: set[str] = set()
        while names := [name for name in wanted(self.names(folder)) if name not in tried]:
            for name in names:
                tried.add(name)
                manifest = self.local_manifest(name)
                if manifest is None:
                    break  # list again: a newer one may have replaced it
                yield manifest
            else:
                return

    def _manifests(
        self, folder: str, wanted: Choose, remote_too: bool = True
    ) -> Iterator[Manifest]:
        seen = set()
        for manifest in self._local_manifests(folder, wanted):
            seen.add(manifest.name)
            yield manifest
        remote = self.remote
        if remote is None or not remote_too:
            return
        for name in wanted(self._guarded(lambda: remote.names(folder)) or []):
            if name not in seen:
                found = self._read_through(name, partial(read_manifest, name=name))
                if found:
                    yield found

    def _read_through(self, name: str, read: Callable[[Tier], Result]) -> Result | None:
        """Read a file of the remote tier; None if it is missing or damaged, or the tier fails."""
        remote = self.remote
        if remote is None:
            return None
        try:
            return self._guarded(lambda: read(remote))
        except Damaged:
            self._damaged_there.add(name)
            self._say(f"store {remote}: {name} is damaged; it is not used")
            return None

    def _download(self, blob: Blob) -> bytes:
        data = self._read_through(blob.name, lambda tier: tier.read(blob.name, blob.stated))
        if data is None:
            raise BlobUnavailable(f"{blob.sha256[:12]} is not in the store")
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
                damaged = blob.name in self._damaged_there
                if damaged or remote.size(blob.name) != blob.size:
                    try:
                        data = self.read(blob)
                    except BlobUnavailable:
                        if blob in thinnable(manifest):
                            continue
                        return True  # already reported; an entry without it is useless
                    remote.write(blob.name, data)
                    self._damaged_there.discard(blob.name)
            remote.write(manifest.name, manifest.content)
            self._damaged_there.discard(manifest.name)
            for other in self._damaged_there:
                if fingerprint_in(other) == manifest.fingerprint:
                    _remove_damaged(remote, other)  # the intact one replaces it
            return True

        return bool(self._guarded(copy))

    def _stop_writing(self, error: OSError) -> None:
        self.writable = False
        self._say(
            f"store {self.local}: cannot be written ({error.strerror or error}); "
            "going on, but this run can be neither resumed nor reused"
        )

    def _guarded(self, action: Callable[[], Result]) -> Result | None:
        """Run an action on the remote tier; if the tier fails, report it and stop using it.

        Raises Damaged if the action read a damaged file.
        """
        try:
            return action()
        except FileNotFoundError:
            return None
        except Damaged:
            raise
        except TierError as error:
            reason = str(error).splitlines()[0]
            self._say(f"store {self.remote}: not reachable ({reason}); going on without it")
            self.remote = None
            return None

    def _not_listed(self, error: OSError) -> None:
        self._not_read(os.path.relpath(error.filename, self.local.root), error)

    def _not_read(self, name: str, error: OSError) -> None:
        reason = error.strerror or error
        self._say(f"store {self.local}: {name} cannot be read ({reason}); going on without it")

    def _say(self, line: str) -> None:
        """Tell the user something, once."""
        line = in_one_line(line)
        if line not in self._said:
            self._said.add(line)
            self._show(line)


def _of_entry(fingerprint: str, kind: Kind, names: list[str]) -> list[str]:
    """Return those of `names` that are an entry's manifests, the most advanced first."""
    own = [
        name
        for name in names
        if fingerprint_in(name) == fingerprint and name.rpartition("/")[2].startswith(f"{kind}.")
    ]
    return sorted(own, key=lambda name: (progress_of(name), name), reverse=True)


def _remove_damaged(remote: Tier, name: str) -> None:
    """Remove a manifest that was damaged when last read, if it still is."""
    try:
        read_manifest(remote, name)
    except FileNotFoundError:
        pass
    except Damaged:
        remote.remove(name)
