"""Carrying entries from one store to another, in a tar file or straight from a folder."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pj2.errors import UserError
from pj2.store.contents import Entry
from pj2.store.files import atomic_path
from pj2.store.manifest import (
    BLOBS,
    ENTRIES,
    Blob,
    Manifest,
    blob_in,
    fingerprint_in,
    parse_manifest,
    thinnable,
)
from pj2.store.store import BlobUnavailable, RunStore
from pj2.store.tiers import Folder


@dataclass
class Transferred:
    """What was carried over; ``bytes`` are those of the blobs."""

    manifests: int = 0
    blobs: int = 0
    bytes: int = 0


def export_entries(
    store: RunStore, entries: Sequence[Entry], output: Path, problems: list[str]
) -> Transferred:
    """Write entries with their blobs into an uncompressed tar file, verified on the way.

    A manifest whose blobs are not all there is left out, with a line added to
    `problems`; weights that were thinned are not asked for. The same entries
    give the same bytes.
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
    """Take over the entries of a tar file that `export_entries` wrote, or of a store's folder.

    Everything is verified first. What is damaged, and manifests that need it,
    are left out with a line added to `problems`.

    Raises UserError if the source cannot be read, or holds what no store
    holds; nothing is taken over then.
    """
    with _opened(source) as (names, read):
        if not names:
            raise UserError(f"{source}: holds no entries; expected a tar file or a store's folder")
        strangers = [name for name in names if not (blob_in(name) or fingerprint_in(name))]
        if strangers:
            raise UserError(f"{source}: {strangers[0]!r} is no file of a store; nothing imported")
        manifests = []
        for name in sorted(filter(fingerprint_in, names)):
            content = _content(read, name)
            manifest = parse_manifest(name, content) if content is not None else None
            if manifest:
                manifests.append(manifest)
            else:
                problems.append(f"{source}: {name}: damaged, or cannot be read; left out")
        return _take(store, manifests, set(names), read, str(source), problems)


def _take(
    store: RunStore,
    manifests: Sequence[Manifest],
    names: set[str],
    read: Callable[[str], bytes],
    source: str,
    problems: list[str],
) -> Transferred:
    done = Transferred()
    here: set[Blob] = set()
    for blob in dict.fromkeys(blob for manifest in manifests for blob in manifest.blobs):
        if blob.name not in names:
            continue
        data = _content(read, blob.name)
        if data is None or Blob.of(data) != blob:
            problems.append(f"{source}: {blob.name}: damaged, or cannot be read; left out")
            continue
        store.local.keep(blob.name, data)
        here.add(blob)
        done.blobs += 1
        done.bytes += blob.size
    for manifest in manifests:
        lacking = {blob for blob in manifest.blobs if blob not in here and not store.has(blob)}
        if not lacking <= thinnable(manifest):
            problems.append(f"{source}: {manifest.name}: left out, since blobs of it are lacking")
            continue
        store.local.keep(manifest.name, manifest.content)
        store.push(manifest)
        done.manifests += 1
    return done


def _content(read: Callable[[str], bytes], name: str) -> bytes | None:
    """Return a file's content; None if it cannot be read, or a live store let it go just now."""
    try:
        return read(name)
    except OSError:
        return None


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o444
    archive.addfile(member, io.BytesIO(data))


@contextmanager
def _opened(source: Path) -> Iterator[tuple[list[str], Callable[[str], bytes]]]:
    """Yield the names in a source, and what reads one of them."""
    if source.is_dir():
        folder = Folder(source)
        names = [*folder.names(BLOBS), *folder.names(ENTRIES)]
        # A folder holds strangers that nobody sent: .DS_Store, or .nfs… of a file just removed.
        yield [name for name in names if blob_in(name) or fingerprint_in(name)], folder.read
        return
    try:
        with tarfile.open(source, "r:") as archive:
            members = {member.name: member for member in archive.getmembers()}
            _check_end(archive, source)
            if not all(member.isreg() for member in members.values()):
                raise UserError(f"{source}: holds links or folders; nothing imported")
            yield list(members), lambda name: _member(archive, members[name])
    except tarfile.TarError as error:
        raise UserError(f"{source}: is not a whole tar file ({error})") from None
    except OSError as error:
        if error.filename != str(source):
            raise
        raise UserError(f"{source}: cannot be read ({error.strerror})") from None


def _check_end(archive: tarfile.TarFile, source: Path) -> None:
    """Raise UserError unless the members go on to the tar file's end mark.

    The tarfile module takes a damaged header for the end, and what comes after
    it would be lost without a word.
    """
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise UserError(f"{source}: is damaged in the middle, or cut off; nothing imported")


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    assert stream is not None
    return stream.read()
