"""A new folder, or a tar file of one, that appears only when it is complete."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pj2.errors import UserError
from pj2.store.files import TEMPORARY, atomic_path

_TAR = ".tar"
_NO_TAR = frozenset({".gz", ".tgz", ".zip", ".xz", ".bz2", ".zst"})


@contextmanager
def new_folder(output: Path, name: str) -> Iterator[Path]:
    """Yield a folder to fill, by its absolute path; it then becomes `output`.

    If `output` ends with ``.tar``, it becomes a tar file of a folder called `name`; equal files
    give equal bytes. After an exception nothing is left. Raises UserError if `output` exists.
    """
    if output.is_symlink() or output.exists():
        raise UserError(f"{output}: exists already, and is not overwritten")
    if output.suffix in _NO_TAR:
        raise UserError(f"{output}: expected a folder, or a file that ends with {_TAR}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output = output.resolve()  # tempfile may keep a relative path, and takes "link/.." for "."
    temporary = Path(tempfile.mkdtemp(dir=output.parent, prefix=TEMPORARY))
    folder = temporary / name
    try:
        folder.mkdir()  # mkdtemp's own folder is closed to other users
        yield folder
        if output.suffix == _TAR:
            _pack(folder, output)
        else:
            os.rename(folder, output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def files_in(folder: Path) -> list[Path]:
    """Return all files below a folder, sorted by path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(files, key=lambda path: path.relative_to(folder).as_posix())


def _pack(folder: Path, output: Path) -> None:
    with atomic_path(output) as temporary, tarfile.open(temporary, "w") as archive:
        for path in files_in(folder):
            member = tarfile.TarInfo(path.relative_to(folder.parent).as_posix())
            member.size, member.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                archive.addfile(member, content)
