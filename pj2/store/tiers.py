"""Where a store's files lie: a folder, or anything that pyarrow.fs opens.

Both hold named files that are written whole and never changed, so neither
needs a lock: two writers of one name write the same bytes.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from pyarrow import ArrowException, fs

from pj2.errors import UserError
from pj2.store.files import TEMPORARY, Stated, atomic_path, open_regular, read_stated
from pj2.store.manifest import Blob

READ_ONLY = 0o444
# Object stores show a file only once it is complete; elsewhere `Remote` renames it into place.
_OBJECT_STORES = ("s3", "gcs", "abfs")
_ANSWER_SECONDS, _REQUEST_SECONDS, _ATTEMPTS = 3, 30, 2
_S3_OPTIONS = {"endpoint_override", "scheme", "region", "anonymous"}
_KEYS = "keys come from the environment (AWS_ACCESS_KEY_ID, …)"
_HIDDEN = "***"

TierError = (OSError, ArrowException)
"""The exceptions that reading from or writing to a tier may raise."""


class Tier(Protocol):
    """Named files; a name is a relative path with forward slashes."""

    def read(self, name: str, stated: Stated) -> bytes:
        """Return a file's content, verified.

        Raises Damaged, FileNotFoundError, or another of TierError.
        """

    def write(self, name: str, data: bytes) -> None:
        """Write a file as a whole. Raises one of TierError."""

    def size(self, name: str) -> int | None:
        """Return a file's size in bytes, None if there is none."""

    def names(self, folder: str) -> list[str]:
        """Return the names of all files below a folder, none if it does not exist.

        Raises one of TierError if a part of it cannot be listed.
        """

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""


@contextmanager
def stale_is_absent() -> Iterator[None]:
    """Raise FileNotFoundError for a file that another node removed while NFS still shows it."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), error.filename) from None


def _fail(error: OSError) -> None:
    raise error


class Folder:
    """A folder on a local or a network file system; its files are read-only.

    It needs no locks and no links, and no clock but the file system's own.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def __str__(self) -> str:
        return str(self.root)

    def path(self, name: str) -> Path:
        """Return the path of a file, which may not exist."""
        return self.root / name

    @stale_is_absent()
    def read(self, name: str, stated: Stated) -> bytes:
        """Return a file's content, verified."""
        with open_regular(self.path(name)) as file:
            return read_stated(file, os.fstat(file.fileno()).st_size, stated)

    def write(self, name: str, data: bytes) -> None:
        """Write a file beside its place and rename it into it."""
        try:
            self._write(name, data)
        except FileNotFoundError:
            # NFS may have repeated a rename whose answer was lost, or gc removed the
            # temporary file. In both cases it is right to write the file again.
            self._write(name, data)

    def keep(self, name: str, data: bytes) -> bool:
        """Write `data` to a file unless it holds them already; return whether it was written."""
        with suppress(OSError):  # a damaged or unreadable file is written again
            if self.size(name) == len(data):
                self.read(name, Blob.of(data).stated)
                if self.touch(name, data):
                    return False
        self.write(name, data)
        return True

    def size(self, name: str) -> int | None:
        """Return a file's size."""
        try:
            with stale_is_absent():
                return self.path(name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def used(self, name: str) -> float | None:
        """Return when a file was last used, in seconds of Unix time; None if there is none."""
        try:
            with stale_is_absent():
                return self.path(name).stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return None

    def used_since(self, name: str, time: float) -> bool:
        """Tell whether a file was used after a time; one that is gone counts as just used."""
        used = self.used(name)
        return used is None or used > time

    def now(self) -> float:
        """Return the time by the file system's clock, which may be another machine's."""
        try:
            with tempfile.NamedTemporaryFile(dir=self.root, prefix=TEMPORARY) as file:
                os.utime(file.fileno())
                return os.fstat(file.fileno()).st_mtime
        except OSError:  # the folder cannot be written, or is missing
            return time.time()

    def names(self, folder: str, onerror: Callable[[OSError], None] = _fail) -> list[str]:
        """Return the files below a folder, without temporary ones.

        `onerror` is called for a folder that cannot be listed, which is then skipped.
        """
        return [name for name in self._below(folder, onerror) if TEMPORARY not in name]

    def temporaries(self, onerror: Callable[[OSError], None] = _fail) -> list[str]:
        """Return the files that are being written, or whose writer was killed; see `names`."""
        return [name for name in self._below("", onerror) if TEMPORARY in name]

    def remove(self, name: str) -> None:
        """Remove a file."""
        with suppress(FileNotFoundError), stale_is_absent():
            self.path(name).unlink()

    def touch(self, name: str, data: bytes) -> bool:
        """Mark a file that holds `data` as used now, if that is allowed; return if it exists."""
        with suppress(OSError):  # a store shared read-only keeps its times
            try:
                with stale_is_absent():
                    os.utime(self.path(name))
            except FileNotFoundError:
                return False
            except PermissionError:
                # Another user's file: only its owner sets its time, but all may replace it.
                self.write(name, data)
        return True

    @stale_is_absent()
    def _write(self, name: str, data: bytes) -> None:
        with atomic_path(self.path(name), READ_ONLY) as temporary:
            temporary.write_bytes(data)

    def _below(self, folder: str, onerror: Callable[[OSError], None]) -> list[str]:
        def unless_absent(error: OSError) -> None:
            vanished = error.errno in (errno.ENOENT, errno.ESTALE)
            if not vanished and (error.errno != errno.ENOTDIR or os.path.isdir(self.root)):
                onerror(error)

        return sorted(
            Path(parent, file).relative_to(self.root).as_posix()
            for parent, _, files in os.walk(self.path(folder), onerror=unless_absent)
            for file in files
        )


class Remote:
    """A place that pyarrow.fs opens, such as ``s3://bucket/prefix``.

    Args:
        filesystem: reads and writes there.
        root: the path to which names are relative.
        address: shown to the user; see `without_secrets`.
        ask: called before the first use, to fail early if the tier does not answer or is missing.
    """

    def __init__(
        self,
        filesystem: fs.FileSystem,
        root: str,
        address: str,
        ask: Callable[[], None] = lambda: None,
    ) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._address = address
        self._ask = ask

    def __str__(self) -> str:
        return self._address

    @cached_property
    def _files(self) -> fs.FileSystem:
        self._ask()
        return self._filesystem

    def read(self, name: str, stated: Stated) -> bytes:
        """Return a file's content, verified."""
        with self._files.open_input_file(self._path(name)) as file:
            return read_stated(file, file.size(), stated)

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically."""
        path = self._path(name)
        if self._files.type_name in _OBJECT_STORES:
            self._write(path, data)
            return
        folder, _, last = path.rpartition("/")
        self._files.create_dir(folder, recursive=True)
        temporary = f"{folder}/{TEMPORARY}{uuid.uuid4().hex}-{last}"
        self._write(temporary, data)
        self._files.move(temporary, path)

    def size(self, name: str) -> int | None:
        """Return a file's size."""
        info = self._files.get_file_info(self._path(name))
        return info.size if info.type == fs.FileType.File else None

    def names(self, folder: str) -> list[str]:
        """Return the files below a folder."""
        selector = fs.FileSelector(self._path(folder), allow_not_found=True, recursive=True)
        files = [
            info.path.removeprefix(self._root + "/")
            for info in self._files.get_file_info(selector)
            if info.type == fs.FileType.File
        ]
        return sorted(name for name in files if TEMPORARY not in name)

    def remove(self, name: str) -> None:
        """Remove a file."""
        if self.size(name) is not None:
            self._files.delete_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _write(self, path: str, data: bytes) -> None:
        with self._files.open_output_stream(path) as stream:
            stream.write(data)


def open_tier(address: str) -> Tier:
    """Open a path or a URI: ``/mnt/lab/pj2``, ``file://``, ``s3://bucket/prefix?region=…``.

    ``s3://`` takes the options ``endpoint_override``, ``scheme``, ``region``
    and ``anonymous`` (``true``); keys come from the environment, as AWS's
    tools read it. Nothing is contacted before the first use.

    Raises UserError for an address that cannot be understood.
    """
    parts = urlsplit(address)
    if not parts.scheme or parts.scheme == "file":
        return Folder(os.path.expanduser(parts.path))
    shown = without_secrets(address)
    try:
        if parts.scheme == "s3":
            return _open_s3(parts.netloc, parts.path, dict(parse_qsl(parts.query)), shown)
        filesystem, root = fs.FileSystem.from_uri(address)
    except (ArrowException, ValueError, TypeError, OSError) as error:
        reason = str(error).splitlines()[0].replace(address, shown)
        raise UserError(f"store.remote: {shown}: cannot be opened ({reason})") from None
    return Remote(filesystem, root, shown)


def without_secrets(address: str) -> str:
    """Return an address without user and password, and without the values of unknown options."""
    place, mark, options = address.partition("?")
    place = re.sub("(?<=://).*@", f"{_HIDDEN}@", place)
    shown = [
        option if option.partition("=")[0] in _S3_OPTIONS else _hide_value(option)
        for option in options.split("&")
    ]
    return place + mark + "&".join(shown)


def _hide_value(option: str) -> str:
    key, equals, value = option.partition("=")
    return key + equals + (_HIDDEN if value else "")


def _open_s3(bucket: str, prefix: str, options: dict[str, str], shown: str) -> Remote:
    if not bucket:
        raise ValueError("no bucket; expected s3://bucket/prefix")
    if "@" in bucket + prefix:
        raise ValueError(f"a user or password is no part of the address; {_KEYS}")
    unknown = sorted(options.keys() - _S3_OPTIONS)
    if unknown:
        known = ", ".join(sorted(_S3_OPTIONS))
        raise ValueError(f"unknown option {', '.join(unknown)}; known are {known}; {_KEYS}")
    anonymous = options.pop("anonymous", "") == "true"

    def connect(seconds: int) -> fs.FileSystem:
        return fs.S3FileSystem(
            **options,
            anonymous=anonymous,
            connect_timeout=_ANSWER_SECONDS,
            request_timeout=seconds,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        )

    def ask() -> None:
        # A server that does not answer must not delay a run; one that answers may be slow.
        if connect(_ANSWER_SECONDS).get_file_info(bucket).type == fs.FileType.NotFound:
            raise OSError(f"there is no bucket {bucket}")

    return Remote(connect(_REQUEST_SECONDS), bucket + prefix, shown, ask)
