"""Checks of the run store: whether it is writable, and whether its contents are intact."""

from __future__ import annotations

from collections.abc import Iterator

from pj2.doctor.finding import Finding, Subject
from pj2.doctor.places import unwritable
from pj2.store.contents import held_blobs, read_entries
from pj2.store.maintain import verify
from pj2.store.manifest import DAMAGED, PENDING, Blob
from pj2.store.open import open_store
from pj2.store.store import RunStore
from pj2.store.tiers import Folder, TierError
from pj2.wording import readable_size

# Bytes of a store that are read without --thorough, in a second or two.
SAMPLE_BYTES = 256 * 1000**2
_AGAIN = "only time is lost: affected runs are restored from results/ or trained again"


def check_store(subject: Subject) -> Iterator[Finding]:
    """Check that the local folder is readable and writable, and its files are intact."""
    said: list[str] = []
    config, thorough = subject.store, subject.thorough
    # Only reading everything shows which blobs are in the remote tier alone.
    store = open_store(config.path, config.remote if thorough else None, said.append)
    root = store.local.root
    if reason := unwritable(root):
        yield Finding(
            "problem",
            "store",
            f"{root}: cannot be written ({reason}); runs can be neither resumed nor reused",
            "give yourself the right to write there, or set store: in the config, or $PJ2_STORE",
        )
    if not root.exists():
        yield Finding("ok", "store", f"{root}: none yet; the first run makes it")
        return
    before = len(store.names(DAMAGED))
    problems: list[str] = []
    if thorough:
        found = verify(store, problems)
        summary = f"{found.manifests} manifests and {found.blobs} blobs, all read, are intact"
    else:
        summary = _read_some(store, problems, mirrored=config.remote is not None)
    for line in [*said, *problems]:
        yield Finding("problem", "store", line, _AGAIN)
    if not said and not problems:
        yield Finding("ok", "store", f"{root}: {summary}")
    if before:
        yield Finding(
            "warning",
            "store",
            f"{root / DAMAGED}: {before} damaged files were set aside before",
            "look at them, check the disk, and delete that folder",
        )


def check_remote(subject: Subject) -> Iterator[Finding]:
    """Check that the remote tier answers, and report entries that wait to be sent."""
    store = open_store(subject.store.path, subject.store.remote)
    remote = store.remote
    if remote is None:
        return
    if isinstance(remote, Folder) and not remote.root.is_dir():
        yield Finding(
            "warning",
            "remote store",
            f"{remote}: no such folder",
            "mount it; if it is to be a new one, the first finished run makes it",
        )
        return
    try:
        remote.names(PENDING)  # no blob has this name; the query only tests the connection
    except TierError as error:
        yield Finding(
            "warning",
            "remote store",
            f"{remote}: not reachable ({str(error).splitlines()[0]}); the local store serves",
            "check the network, the address and the keys (AWS_ACCESS_KEY_ID, …)",
        )
        return
    waiting = len(store.names(PENDING))
    if waiting:
        waits = "1 entry waits" if waiting == 1 else f"{waiting} entries wait"
        yield Finding(
            "warning",
            "remote store",
            f"{remote}: answers; {waits} to be sent to it",
            "the next finished run sends them",
        )
    else:
        yield Finding("ok", "remote store", f"{remote}: answers, and nothing waits to be sent")


def _read_some(store: RunStore, problems: list[str], mirrored: bool) -> str:
    """Check the sizes of all entries and the content of the last used; return what was read."""
    entries = read_entries(store)
    held = held_blobs(store)
    read: set[Blob] = set()
    left = SAMPLE_BYTES
    for entry in entries:
        lacking = entry.needed - held.keys()
        if lacking and not mirrored:
            name = entry.newest.name
            problems.append(f"{name}: {len(lacking)} of its blobs are missing or cut short")
        for blob in sorted((entry.blobs & held.keys()) - read, key=lambda blob: blob.sha256):
            if blob.size > left:
                continue
            left -= blob.size
            read.add(blob)
            store.local_blob(blob)
    total = sum(blob.size for blob in held)
    return (
        f"{len(entries)} entries, {readable_size(total)}; all sizes are right, and the content of "
        f"the {readable_size(SAMPLE_BYTES - left)} last used (--thorough reads all)"
    )
