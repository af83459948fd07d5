"""A cache of file hashes: a file that has not changed is not hashed again."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from typing_extensions import TypedDict

from pj2.store.files import sha256_file
from pj2.store.records import BadRecord, read_record, write_record

VERIFIED = ".pj2/verified.json"
_LARGEST = 1 << 30  # bytes; one entry per file, and there may be millions of images

# A file system's clock may tick only this often: a change within a tick goes unnoticed.
_SETTLED_NANOSECONDS = 2_000_000_000

Entry = tuple[int, int, int, int, str]
"""Size, mtime and ctime in nanoseconds, inode and hex SHA-256 of a file."""


class _Known(TypedDict):
    files: dict[str, Entry]


class VerifiedFiles:
    """Hashes of files, remembered between processes.

    A file is hashed again when its size, times or inode have changed.

    Args:
        path: the JSON file of the cache; a damaged one counts as empty.
    """

    def __init__(self, path: str | os.PathLike[str] = VERIFIED) -> None:
        self._path = Path(path).absolute()  # the working directory may change before `save`
        self._known = _read(self._path)
        self._changed = False

    def sha256(self, path: str | os.PathLike[str]) -> str:
        """Return the hex SHA-256 of a file. Raises OSError if it cannot be read."""
        name = os.path.abspath(path)
        before = _numbers(name)
        known = self._known.get(name)
        if known and known[:4] == before:
            return known[4]
        now = time.time_ns()
        digest = sha256_file(name)
        if _numbers(name) == before and max(before[1:3]) < now - _SETTLED_NANOSECONDS:
            self._known[name] = (*before, digest)
            self._changed = True
        return digest

    def save(self) -> None:
        """Write the new hashes to disk; if that fails, the next process hashes again."""
        if not self._changed:
            return
        known = {name: entry for name, entry in self._known.items() if os.path.exists(name)}
        with suppress(OSError):
            write_record(self._path, {"files": known})
            self._changed = False


def _numbers(path: str) -> tuple[int, int, int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _read(path: Path) -> dict[str, Entry]:
    try:
        return read_record(path, _Known, _LARGEST)["files"]
    except BadRecord:
        return {}
