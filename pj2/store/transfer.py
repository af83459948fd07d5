"""Copies entries from one store to another, through a tar file or directly from a folder."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pj2.errors import UserError
from pj2.store.contents import Entry
from pj2.store.files import Stated, atomic_path, open_regular, read_stated
from pj2.store.manifest import (
    BLOBS,
    ENTRIES,
    Blob,
    Manifest,
    blob_in,
    fingerprint_in,
    read_manifest,
    thinnable,
)
from pj2.store.store import BlobUnavailable, RunStore
from pj2.store.tiers import Folder

# An extended header holds a name, which has fewer than 200 letters.
_LONGEST_HEADER = 1 << 16
_LEFT_OUT = "damaged, or cannot be read; left out"


@dataclass
class Transferred:
    """What was copied; ``bytes`` are those of the blobs."""

    manifests: int = 0
    blobs: int = 0
    bytes: int = 0


def export_entries(
    store: RunStore, entries: Sequence[Entry], output: Path, problems: list[str]
) -> Transferred:
    """Write entries with their blobs into an uncompressed tar file, verified on the way.

    A manifest that lacks blobs, other than thinned ones, is left out with a line
    added to `problems`. The same entries give the same bytes.
    """
    done = Transferred()
    written: set[Blob] = set()
    complete = []
    manifests = sorted(
        (manifest for entry in entries for manifest in entry.manifests), key=lambda each: each.name
    )
    with atomic_path(output) as temporary, tarfile.open(temporary, "w") as archive:
        for manifest in manifests:
            lacking = set()
            for blob in manifest.blobs:
                if blob in written:
                    continue
                try:
                    _add(archive, blob.name, store.read(blob))
                except BlobUnavailable:
                    lacking.add(blob)
                    continue
                written.add(blob)
                done.bytes += blob.size
            if lacking <= thinnable(manifest):
                complete.append(manifest)
            else:
                problems.append(f"{manifest.name}: left out, since the store lacks blobs of it")
        for manifest in complete:  # after all blobs, as in a store
            _add(archive, manifest.name, manifest.content)
    done.manifests, done.blobs = len(complete), len(written)
    return done


def import_entries(store: RunStore, source: Path, problems: list[str]) -> Transferred:
    """Copy the entries of a tar file that `export_entries` wrote, or of a store's folder.

    Everything is verified first. Damaged files, and manifests that need them,
    are left out with a line added to `problems`.

    Raises UserError, and copies nothing, if the source cannot be read or holds
    files that do not belong in a store.
    """
    with _opened(source, problems) as (names, files):
        if not names and not problems:
            raise UserError(f"{source}: holds no entries; expected a tar file or a store's folder")
        strangers = [name for name in names if not (blob_in(name) or fingerprint_in(name))]
        if strangers:
            raise UserError(f"{source}: {strangers[0]!r} is no file of a store; nothing imported")
        manifests = []
        for name in sorted(filter(fingerprint_in, names)):
            try:
                manifests.append(read_manifest(files, name))
            except OSError:
                problems.append(f"{source}: {name}: {_LEFT_OUT}")
        return _take(store, manifests, set(names), files, problems)


def _take(
    store: RunStore,
    manifests: Sequence[Manifest],
    names: set[str],
    files: Folder | _Archive,
    problems: list[str],
) -> Transferred:
    done = Transferred()
    here: set[Blob] = set()
    for blob in dict.fromkeys(blob for manifest in manifests for blob in manifest.blobs):
        if blob.name not in names:
            continue
        try:
            data = files.read(blob.name, blob.stated)
        except OSError:
            problems.append(f"{files}: {blob.name}: {_LEFT_OUT}")
            continue
        store.local.keep(blob.name, data)
        here.add(blob)
        done.blobs += 1
        done.bytes += blob.size
    for manifest in manifests:
        lacking = {blob for blob in manifest.blobs if blob not in here and not store.has(blob)}
        if not lacking <= thinnable(manifest):
            problems.append(f"{files}: {manifest.name}: left out, since blobs of it are lacking")
            continue
        store.local.keep(manifest.name, manifest.content)
        store.push(manifest)
        done.manifests += 1
    return done


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o444
    archive.addfile(member, io.BytesIO(data))


@contextmanager
def _opened(source: Path, problems: list[str]) -> Iterator[tuple[list[str], Folder | _Archive]]:
    """Yield the names in a source, and the object that reads them."""

    def not_listed(error: OSError) -> None:
        problems.append(f"{error.filename}: cannot be read ({error.strerror}); left out")

    if source.is_dir():
        folder = Folder(source)
        names = [*folder.names(BLOBS, not_listed), *folder.names(ENTRIES, not_listed)]
        # A system may add files of its own to a folder: .DS_Store, or .nfs… of a removed file.
        yield [name for name in names if blob_in(name) or fingerprint_in(name)], folder
        return
    try:
        file = open_regular(source)
    except OSError as error:
        raise UserError(f"{source}: cannot be read ({error.strerror})") from None
    with file:
        archive = _Archive(source, file)
        yield list(archive.members), archive


class _Archive:
    """A tar file: the offset and size of each member, by name.

    Raises UserError if it is cut off, or has members other than regular files.
    """

    def __init__(self, source: Path, file: BinaryIO) -> None:
        self.members: dict[str, tuple[int, int]] = {}
        self._source = source
        self._file = file
        try:
            self._read_headers()
        except UserError:
            raise
        except Exception as error:  # a forged header makes tarfile raise anything
            reason = str(error) or type(error).__name__
            raise UserError(f"{source}: is not a whole tar file ({reason})") from None

    def __str__(self) -> str:
        return str(self._source)

    def read(self, name: str, stated: Stated) -> bytes:
        """Return a member's content, verified."""
        start, size = self.members[name]
        self._file.seek(start)
        return read_stated(self._file, size, stated)

    def _read_headers(self) -> None:
        end = os.fstat(self._file.fileno()).st_size
        headers = cast(BinaryIO, _Headers(self._file))
        with tarfile.open(fileobj=headers, mode="r:") as archive:
            for member in archive:
                # A sparse file is read as more bytes than it has.
                if not member.isreg() or member.issparse():
                    raise UserError(
                        f"{self._source}: holds links, folders or sparse files; nothing imported"
                    )
                if not 0 <= member.size <= end - member.offset_data:
                    raise tarfile.ReadError(f"a member of {member.size} bytes is cut off")
                self.members[member.name] = member.offset_data, member.size
            self._file.seek(archive.offset)
        # tarfile takes a damaged header for the end, and would skip the members after it.
        if self._file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise UserError(
                f"{self._source}: is damaged in the middle, or cut off; nothing imported"
            )


class _Headers:
    """Reads an archive's headers for tarfile, and refuses one that is too long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)
