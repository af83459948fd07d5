"""Opening the store that a config or the command line names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pj2.errors import UserError
from pj2.store.manifest import BLOBS, DAMAGED, ENTRIES
from pj2.store.store import RunStore
from pj2.store.tiers import Folder, open_tier


def open_store(
    path: str, remote: str | None = None, say: Callable[[str], None] = print
) -> RunStore:
    """Return the store in a folder, with another tier behind it where `remote` names one.

    Raises UserError if `path` is no folder, or `remote` cannot be understood.
    """
    if "://" in path:
        raise UserError(
            f"store.path: {path}: the first tier is a folder; name a URI as store.remote "
            "(or in the variable PJ2_STORE_REMOTE)"
        )
    local = Folder(path)
    if local.root.exists() and not local.root.is_dir():
        raise UserError(f"store.path: {path}: is a file; expected a folder")
    return RunStore(local, open_tier(remote) if remote else None, say)


def open_existing(
    path: str, remote: str | None = None, say: Callable[[str], None] = print
) -> RunStore:
    """Return a store that is to be looked into: one that is not there is a mistyped name.

    Raises UserError also if `path` holds no store and no remote tier is named.
    """
    store = open_store(path, remote, say)
    folders = (store.local.path(name) for name in (ENTRIES, BLOBS, DAMAGED))
    if not store.remote and not any(map(Path.is_dir, folders)):
        what = "holds no store" if store.local.root.exists() else "there is no such folder"
        raise UserError(
            f"--store {path}: {what}; a study's first training makes the one that its config names"
        )
    return store
