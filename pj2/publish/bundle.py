"""Checks of a published study from somebody else, without extracting anything. No torch."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import cast

from pj2.errors import UserError
from pj2.store.files import open_regular
from pj2.store.sums import parse_sums

SUMS = "SHA256SUMS"
_LONGEST_SUMS = 1 << 28  # bytes: of some million files

Member = tuple[str, BufferedReader | None]
"""A member's name in a bundle, and its bytes as a stream; None unless it is a regular file."""


@dataclass
class Checked:
    """The contents of a bundle; `digest` is the SHA-256 of its sums, which cover all files."""

    digest: str = ""
    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


def check_bundle(bundle: Path, digest: str | None = None) -> Checked:
    """Compare a folder or tar file with its ``SHA256SUMS``, which must name exactly its files.

    If `digest` is given, the sums themselves are compared with it. Raises UserError if the bundle
    cannot be read or has no sums.
    """
    done, found, text = Checked(), dict[str, str](), b""
    for name, stream in _in_folder(bundle) if bundle.is_dir() else _in_tar(bundle):
        if stream is None or name in found:
            what = "occurs twice" if stream else "is a link, or not a regular file of its folder"
            done.problems.append(f"{name}: {what}")
            continue
        if name == SUMS:
            text = stream.read(_LONGEST_SUMS)
            stream.seek(0)
        found[name] = hashlib.file_digest(stream, "sha256").hexdigest()
        done.bytes += stream.tell()
    if SUMS not in found:
        raise UserError(f"{bundle}: has no {SUMS}; expected what pj2 store export --study wrote")
    done.files, done.digest = len(found), found.pop(SUMS)
    if digest not in (None, done.digest):
        done.problems.append(f"{SUMS}: its SHA-256 is not {digest}")
    done.problems += _differences(found, text.decode("utf-8", errors="replace").splitlines())
    return done


def _differences(found: dict[str, str], lines: list[str]) -> list[str]:
    """Return how the digests of files differ from those in the lines of the sums."""
    named, problems = parse_sums(lines), []
    if len(named) < len(lines):
        problems.append(f"{SUMS}: a line is not a SHA-256 and a name, or repeats a name")
    for name in sorted(named.keys() | found.keys()):
        if name not in found:
            problems.append(f"{name}: is missing")
        elif name not in named:
            problems.append(f"{name}: {SUMS} does not name it")
        elif found[name] != named[name]:
            problems.append(f"{name}: damaged: its bytes are not those that {SUMS} names")
    return problems


def _in_folder(folder: Path) -> Iterator[Member]:
    def unlisted(error: OSError) -> None:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})")

    for place, folders, files in os.walk(folder, onerror=unlisted):
        for path in (Path(place, name) for name in sorted([*folders, *files])):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                yield name, None
            elif path.is_file():
                with open_regular(path) as stream:
                    yield name, cast(BufferedReader, stream)


def _in_tar(path: Path) -> Iterator[Member]:
    try:
        with open_regular(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            members = archive.getmembers()
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise UserError(f"{path}: is damaged in the middle, or cut off")
            top = members[0].name.partition("/")[0] if members else ""
            for member in members:
                name = member.name.removeprefix(f"{top}/")
                inside = member.name != name and not {"", ".", ".."} & {top, *name.split("/")}
                sound = inside and member.isreg() and not member.issparse()
                content = archive.extractfile(member) if sound else None
                yield name, cast(BufferedReader | None, content)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UserError:
        raise
    except Exception as error:  # a forged header can make tarfile raise any exception
        raise UserError(f"{path}: is not a whole tar file ({error})") from None
