"""Atomic writes, and reads of files that anybody may have written.

Every file is written under a temporary name and then renamed, so a reader sees
the old file or the new one, never half of one. A file is read only if it is
regular and has the size that its reader expects.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

TEMPORARY = ".tmp-"
_CHUNK = 1 << 20
# As many as the probabilities of a million images of 250 classes.
MOST_VALUES = 1 << 28


class Damaged(OSError):
    """A file is not the expected one: it is not regular, or has another size or content."""

    def __init__(self, what: str, path: str | os.PathLike[str] = "") -> None:
        super().__init__(errno.EINVAL, what, os.fspath(path))


@dataclass(frozen=True)
class Stated:
    """What a file must be to be read: the start of its hex SHA-256, and its size in bytes.

    ``exact``: it has that size; otherwise it may be smaller.
    """

    digest: str
    size: int
    exact: bool = True


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@contextmanager
def atomic_path(path: str | os.PathLike[str], mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it on success.

    The file gets the permissions `mode`, less the umask.

    The folder is made if it is missing. On an exception the temporary file is
    removed and `path` keeps whatever it held before.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept because some writers (matplotlib) choose a format by it.
    handle, name = tempfile.mkstemp(dir=final.parent, prefix=TEMPORARY, suffix=final.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(mode & ~umask)  # mkstemp gives 0600, which a shared folder cannot use
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, atomically. Raises ValueError on NaN."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(path: str | os.PathLike[str], table: pa.Table) -> None:
    """Write an Arrow table as Parquet, atomically; equal tables give equal bytes."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_stated(file: _Readable, size: int, stated: Stated) -> bytes:
    """Return the content of an open file of `size` bytes. Raises Damaged unless it is as stated.

    A file of another size is not read at all.
    """
    if size > stated.size or (stated.exact and size < stated.size):
        raise Damaged(f"has {size} bytes; expected {stated.size}")
    try:
        data = file.read(size)
    except MemoryError:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) from None
    if len(data) != size or not hashlib.sha256(data).hexdigest().startswith(stated.digest):
        raise Damaged("its content does not match its name")
    return data


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file to read it. Raises Damaged if it is a pipe, a device or a folder.

    It does not wait, as opening a pipe that nobody writes to otherwise would.
    """

    def without_waiting(name: str, flags: int) -> int:
        descriptor = os.open(name, flags | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Damaged("not a regular file", name)
        return descriptor

    return open(path, "rb", opener=without_waiting)


@contextmanager
def open_parquet(path: str | os.PathLike[str]) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file to read it.

    Raises OSError or pa.ArrowException if it is not a Parquet file, or if its footer states more
    values than any file of a study has: a value may take eight bytes in memory, none in the file.
    """
    with open_regular(path) as file:
        parquet = pq.ParquetFile(file)
        footer = parquet.metadata
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        values = sum(g.column(i).num_values for g in groups for i in range(footer.num_columns))
        if values > MOST_VALUES:
            raise pa.ArrowInvalid(f"it states {values:,} values, more than {MOST_VALUES:,}")
        yield parquet


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the hex SHA-256 of a file's content, read in 1 MiB pieces."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()
