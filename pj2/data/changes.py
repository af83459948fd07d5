"""Whether the files that data were prepared from have changed since."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pj2.config.schema import DatasetConfig
from pj2.data.layout import INFO_FILE, read_info
from pj2.data.sources import source_files
from pj2.data.sources.locate import SAMPLE_FOLDER
from pj2.errors import UserError
from pj2.store.verified import VerifiedFiles

# A cache of the hashes of a source's files: an image folder may have very many of them.
_HASHES = ".pj2/sources.json"


def source_digest(dataset: DatasetConfig) -> str:
    """Return the hex SHA-256 of the names and contents of all files that a source reads.

    Names are relative to the source's own folder. A file is read only if its size, times or
    inode have changed since `is_outdated` read it. Raises UserError if it cannot be read.
    """
    return _digest(dataset, VerifiedFiles(_HASHES))


def is_outdated(folder: str | Path, dataset: DatasetConfig) -> bool:
    """Tell whether `folder` holds data that were prepared from files which have changed since."""
    if not (Path(folder) / INFO_FILE).exists():
        return False
    hashes = VerifiedFiles(_HASHES)
    digest = _digest(dataset, hashes)
    hashes.save()
    return bool(read_info(folder).get("source_digest") != digest)


def _digest(dataset: DatasetConfig, hashes: VerifiedFiles) -> str:
    root = os.path.expanduser(dataset.path or SAMPLE_FOLDER)
    digest = hashlib.sha256()
    for file in source_files(dataset).read:
        try:
            content = hashes.sha256(file)
        except OSError as error:
            raise UserError(f"{file}: cannot be read ({error.strerror})") from None
        digest.update(os.fsencode(file.removeprefix(root)) + f"\0{content}\n".encode())
    return digest.hexdigest()
