"""Opens the store that a config or the command line names."""

from __future__ import annotations

import os
from collections.abc import Callable

from pj2.errors import UserError
from pj2.store.manifest import BLOBS, DAMAGED, ENTRIES, PENDING
from pj2.store.store import RunStore
from pj2.store.tiers import Folder, TierError, open_tier


def open_store(
    path: str, remote: str | None = None, say: Callable[[str], None] = print
) -> RunStore:
    """Return the store in a folder, with a remote tier if `remote` names one.

    Raises UserError if `path` is no folder, or `remote` cannot be understood.
    """
    if "://" in path:
        raise UserError(
            f"store.path: {path}: the first tier is a folder; name a URI as store.remote "
            "(or in the variable PJ2_STORE_REMOTE)"
        )
    local = Folder(path)
    # Both return False for a folder without permission: it counts as absent.
    if os.path.exists(local.root) and not os.path.isdir(local.root):
        raise UserError(f"store.path: {path}: is a file; expected a folder")
    return RunStore(local, open_tier(remote) if remote else None, say)


def open_existing(
    path: str, remote: str | None = None, say: Callable[[str], None] = print
) -> RunStore:
    """Return a store that must exist already: a missing one is a mistyped name.

    Raises UserError also if `path` holds no store and no remote tier is named, if it
    cannot be listed, or if the remote tier is not there or cannot be read.
    """
    store = open_store(path, remote, say)
    try:
        there = os.listdir(store.local.root)
    except FileNotFoundError:
        there = None
    except OSError as error:
        raise UserError(f"--store {path}: cannot be read ({error.strerror})") from None
    if not store.remote and not {ENTRIES, BLOBS, DAMAGED} & set(there or ()):
        what = "there is no such folder" if there is None else "holds no store"
        raise UserError(
            f"--store {path}: {what}; a study's first training makes the one that its config names"
        )
    if isinstance(store.remote, Folder) and not os.path.isdir(store.remote.root):
        raise UserError(
            f"--remote {remote}: there is no such folder; the first finished run makes it"
        )
    require_remote(store)
    return store


def require_remote(store: RunStore) -> None:
    """Raise UserError unless a store's remote tier, if it has one, can be read."""
    remote = store.remote
    if remote is None:
        return
    try:
        remote.names(PENDING)  # always empty: this only tests that the tier answers
    except TierError as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UserError(f"--remote {remote}: cannot be read ({reason})") from None
