"""Digests of files in the format of ``sha256sum``, which show whether a file was edited."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from pj2.store.files import sha256_file, write_text

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def sums_path(results: str | os.PathLike[str], first: str) -> Path:
    """Return the path of the digests of a job's files; `first` names its first, below `results`."""
    return Path(results, "sums", f"{first}.sha256")


def write_sums(path: Path, files: Iterable[Path]) -> None:
    """Write the SHA-256 of files, with names relative to the folder of `path`."""
    lines = [
        f"{sha256_file(file)}  {Path(os.path.relpath(file, path.parent)).as_posix()}\n"
        for file in files
    ]
    write_text(path, "".join(lines))


def read_sums(path: Path) -> dict[str, str]:
    """Return the hex SHA-256 by name; empty if `path` is missing or damaged."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return parse_sums(lines)


def parse_sums(lines: Iterable[str]) -> dict[str, str]:
    """Return the hex SHA-256 by name; lines of another form are skipped."""
    found = (_LINE.fullmatch(line) for line in lines)
    return {posixpath.normpath(match[2]): match[1] for match in found if match}


def edited(
    path: Path, files: Iterable[Path], digest_of: Callable[[Path], str] = sha256_file
) -> list[str]:
    """Return a message for each existing file that does not match the sums at `path`."""
    there = [file for file in files if file.exists()]
    if there and not path.exists():
        return [f"{path} is missing, so {there[0]} cannot be checked for edits"]
    problems, sums = [], read_sums(path)
    for file in there:
        named = sums.get(Path(os.path.relpath(file, path.parent)).as_posix())
        try:
            if digest_of(file) != named:
                problems.append(f"{file} is damaged: its bytes are not those that {path} names")
        except OSError as error:
            problems.append(f"{file} cannot be read ({error.strerror})")
    return problems
