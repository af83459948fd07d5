"""Records: JSON files that describe the files beside them. One reader, and one writer.

A record may come from somebody else, or have been edited by hand. It is trusted only if it is a
regular file of bounded size, is JSON, matches its schema, and contains its own digest: the SHA-256
of the canonical JSON of the rest. The digest detects damage and edits, except by somebody who
computes it again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from pj2.config.names import canonical_json
from pj2.errors import UserError, in_one_line
from pj2.store.files import open_regular, write_json

PathLike = str | os.PathLike[str]
Schema = TypeVar("Schema")

DIGEST = "digest"
_LARGEST = 1 << 26  # bytes; the index of a thousand runs has half a million
_LONGEST_NAME = 255  # bytes, on common file systems


def plain_name(name: str) -> str:
    """Return a name from a record. Raises ValueError if it must not be part of a path.

    It must name something directly in the folder that it is joined to, and be printable.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name or not name.isprintable():
        raise ValueError(f"{name!r} is not the plain name of a file or folder")
    if len(name.encode()) > _LONGEST_NAME:
        raise ValueError(f"{name[:40]!r}… is longer than the name of a file may be")
    return name


Name = Annotated[str, AfterValidator(plain_name)]
Digest = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
# Far above any real count or number of seconds; greater values would break arithmetic.
Count = Annotated[int, Field(ge=0, le=10**15)]
Amount = Annotated[float, Field(ge=0, le=1e15)]


class BadRecord(UserError):
    """A record that cannot be trusted; `in_its_folder` is the message without the folder."""

    def __init__(self, path: PathLike, reason: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}")
        self.in_its_folder = in_one_line(f"{os.path.basename(path)} {reason}")


def read_record(path: PathLike, schema: type[Schema], largest: int = _LARGEST) -> Schema:
    """Return a record, with its digest. Raises BadRecord if it cannot be trusted.

    Args:
        path: the file.
        schema: a type that pydantic validates it against.
        largest: how many bytes it may have.
    """
    value = read_json(path, dict, largest)
    if DIGEST not in value:
        raise BadRecord(path, "has no digest: another version wrote it, or it is damaged")
    try:
        edited = value[DIGEST] != digest_of(value)
    except ValueError as error:  # a number that is not finite
        raise BadRecord(path, f"is damaged: {error}") from None
    if edited:
        raise BadRecord(path, "was edited or damaged: its digest does not match its content")
    return _as(schema, value, path)


def read_json(path: PathLike, schema: type[Schema], largest: int = _LARGEST) -> Schema:
    """Return the content of a JSON file without a digest of its own. Raises BadRecord."""
    try:
        content = _content(path, largest)
    except FileNotFoundError:
        raise BadRecord(path, "is missing") from None
    except OSError as error:
        raise BadRecord(path, f"cannot be read ({error.strerror})") from None
    return parse_json(content, schema, path)


def parse_json(content: bytes, schema: type[Schema], path: PathLike) -> Schema:
    """Return parsed JSON that came from the file at `path`. Raises BadRecord."""
    try:
        value: Any = from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise BadRecord(path, f"is damaged: not valid JSON ({error})") from None
    return _as(schema, value, path)


def write_record(path: PathLike, value: Mapping[str, Any]) -> None:
    """Write a record with its digest, atomically. Raises ValueError on NaN."""
    write_json(path, signed(value))


def signed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its digest."""
    return {**value, DIGEST: digest_of(value)}


def digest_of(value: Mapping[str, Any]) -> str:
    """Return the digest of a record: the hex SHA-256 of the canonical JSON of the rest of it."""
    rest = {key: part for key, part in value.items() if key != DIGEST}
    return hashlib.sha256(canonical_json(rest).encode()).hexdigest()


def says(value: Any, wanted: Any) -> bool:
    """Tell whether a value of a record contains `wanted`; it may have more keys."""
    if isinstance(wanted, dict) and isinstance(value, dict):
        return all(key in value and says(value[key], part) for key, part in wanted.items())
    if isinstance(wanted, list) and isinstance(value, list):
        return len(value) == len(wanted) and all(map(says, value, wanted))
    return bool(value == wanted)


def _content(path: PathLike, largest: int) -> bytes:
    with open_regular(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise BadRecord(path, f"is longer than any record: more than {largest:,} bytes")
    return content


def _as(schema: type[Schema], value: Any, path: PathLike) -> Schema:
    try:
        believed: Schema = _adapter(cast(Hashable, schema)).validate_python(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)[0]
        where = "".join(f"{part}: " for part in [".".join(map(str, found["loc"]))] if part)
        said = where + found["msg"].removeprefix("Value error, ")
        raise BadRecord(path, f"is damaged, or another version wrote it: {said}") from None
    return believed


@cache
def _adapter(schema: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, schema))
