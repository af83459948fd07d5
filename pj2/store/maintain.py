"""Verifies a store, and removes files that are no longer needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from pj2.errors import UserError
from pj2.store.contents import Entry, entries_of, held_blobs
from pj2.store.files import Damaged, sha256_file
from pj2.store.keep import Rule
from pj2.store.manifest import (
    DAMAGED,
    ENTRIES,
    Blob,
    Manifest,
    blob_in,
    fingerprint_in,
    needed_blobs,
    read_manifest,
    thinnable,
)
from pj2.store.store import RunStore
from pj2.store.tiers import Folder, stale_is_absent

DAY = 86400
Result = TypeVar("Result")


@dataclass
class Verified:
    """What `verify` counted; `damaged`, `missing` and `unreadable` are the problems.

    ``missing`` blobs are needed, but in no tier that can be read; ``remote`` ones are only in
    the remote tier; ``thinned`` ones are absent, but only another budget needs them.
    """

    manifests: int = 0
    blobs: int = 0
    damaged: int = 0
    missing: int = 0
    unreadable: int = 0
    remote: int = 0
    thinned: int = 0
    unreferenced: int = 0
    temporary: int = 0
    set_aside_before: int = 0


@dataclass
class Cleared:
    """What `clear` removed, or would remove: files, and the bytes that they took.

    ``young`` counts blobs that were kept because they were used within the grace period.
    """

    entries: list[Entry] = field(default_factory=list)
    kept: int = 0
    manifests: int = 0
    blobs: int = 0
    thinned: int = 0
    temporary: int = 0
    young: int = 0
    bytes: int = 0


def verify(store: RunStore, problems: list[str]) -> Verified:
    """Read every file of a store; add a line to `problems` for each entry that lacks blobs.

    A damaged file is set aside, which the store reports itself. A file or folder that cannot
    be read adds a line as well, and does not count as intact.
    """
    counts, local = Verified(), store.local

    def unreadable(error: OSError) -> None:
        counts.unreadable += 1
        problems.append(f"{error.filename}: cannot be read ({error.strerror})")

    names = local.names("", onerror=unreadable)
    counts.set_aside_before = sum(name.startswith(f"{DAMAGED}/") for name in names)
    reading = partial(read_manifest, local)
    manifests = list(_intact(store, filter(fingerprint_in, names), reading, counts, problems))
    referred = _references(manifests)
    sizes: dict[str, set[int]] = {}
    for blob in referred:
        sizes.setdefault(blob.name, set()).add(blob.size)
    checking = partial(_check_blob, local, sizes)
    intact = set(_intact(store, filter(blob_in, names), checking, counts, problems))
    counts.manifests, counts.blobs = len(manifests), len(intact)
    for manifest in manifests:
        _count_lacking(store, manifest, intact, counts, problems)
    counts.unreferenced = 0 if counts.unreadable else len(intact - referred)
    counts.temporary = len(local.temporaries(onerror=lambda _: None))  # already reported
    return counts


def clear(
    store: RunStore,
    rules: Sequence[Rule],
    thin: bool = False,
    grace: float = DAY,
    dry_run: bool = False,
) -> Cleared:
    """Remove what no rule keeps; without rules, no entry is removed.

    Manifests are removed first, so that no entry is seen without its blobs. Blobs
    and temporary files follow unless they were used within `grace` seconds: a
    running process may be about to refer to them.

    Times are those of the file system's clock, not of this machine's. `store` must
    have no remote tier: other machines share its files.

    Raises UserError if a manifest or folder cannot be read, OSError if a file cannot
    be removed.
    """
    local, now = store.local, store.local.now()
    entries = entries_of(_read_manifests(store), local)
    kept = set().union(*(rule(entries, local, now) for rule in rules))
    cleared = Cleared(entries=[e for e in entries if rules and e.fingerprint not in kept])
    cleared.kept = len(entries) - len(cleared.entries)
    gone = {manifest.name for entry in cleared.entries for manifest in entry.manifests}
    for name in gone:
        cleared.manifests += 1
        _remove(local, name, dry_run, cleared)
    # Read again: a process may have published something in the meantime.
    manifests = [m for m in _read_manifests(store) if m.name not in gone]
    needed = _references(manifests)
    spared = needed - set().union(*map(needed_blobs, manifests)) if thin else set()
    for blob, name in held_blobs(store).items():
        if blob in needed and blob not in spared:
            continue
        if local.used_since(name, now - grace):
            cleared.young += 1
            continue
        cleared.blobs += 1
        cleared.thinned += blob in spared
        _remove(local, name, dry_run, cleared)
    for name in local.temporaries(onerror=_refuse):
        if not local.used_since(name, now - grace):
            cleared.temporary += 1
            _remove(local, name, dry_run, cleared)
    return cleared


def _intact(
    store: RunStore,
    names: Iterable[str],
    check: Callable[[str, str], Result],
    counts: Verified,
    problems: list[str],
) -> Iterator[Result]:
    """Yield what `check` returns for each intact file; count the others as problems."""
    for name in names:
        try:
            yield check(name, name)
        except FileNotFoundError:
            continue  # removed by its writer in the meantime
        except Damaged:
            mended = store.set_aside(name, partial(check, name))
            if mended is None:
                counts.damaged += 1
            else:
                yield mended
        except OSError as error:
            problems.append(f"{name}: cannot be read ({error.strerror})")
            counts.unreadable += 1


@stale_is_absent()
def _check_blob(local: Folder, sizes: Mapping[str, set[int]], name: str, place: str) -> Blob:
    """Return the blob in the file at `place`. Raises Damaged if its size or content is wrong.

    The size must be one that a manifest states, if any refers to the blob.
    """
    path = local.path(place)
    blob = Blob(name.rpartition("/")[2], path.stat().st_size)
    if blob.size not in sizes.get(name, {blob.size}) or sha256_file(path) != blob.sha256:
        raise Damaged("its content does not match its name", path)
    return blob


def _count_lacking(
    store: RunStore, manifest: Manifest, intact: set[Blob], counts: Verified, problems: list[str]
) -> None:
    # A file that was written or removed while the others were read is not a problem.
    lacking = {b for b in set(manifest.blobs) - intact if store.size(b.name) != b.size}
    if not lacking or store.size(manifest.name) is None:
        return
    remote = {blob for blob in lacking if store.has(blob)}
    thinned = (lacking - remote) & thinnable(manifest)
    missing = len(lacking) - len(remote) - len(thinned)
    counts.remote += len(remote)
    counts.thinned += len(thinned)
    counts.missing += missing
    if missing:
        problems.append(f"{manifest.name}: {missing} of its blobs are not in the store")


def _references(manifests: Collection[Manifest]) -> set[Blob]:
    """Return the blobs that the manifests refer to."""
    return {blob for manifest in manifests for blob in manifest.blobs}


def _read_manifests(store: RunStore) -> list[Manifest]:
    """Return every manifest. Raises UserError if one cannot be read: its blobs are unknown."""
    manifests = []
    for name in filter(fingerprint_in, store.local.names(ENTRIES, onerror=_refuse)):
        try:
            manifests.append(store.read_manifest(name))
        except OSError as error:
            _refuse(error)
    return [manifest for manifest in manifests if manifest]


def _refuse(error: OSError) -> None:
    raise UserError(
        f"{error.filename}: cannot be read ({error.strerror}), so gc cannot know what is needed"
    ) from None


def _remove(local: Folder, name: str, dry_run: bool, cleared: Cleared) -> None:
    cleared.bytes += local.size(name) or 0
    if not dry_run:
        local.remove(name)
