"""A cache on disk of the digests of source files.

It lies in ``__pycache__``: whoever can write there can change the code itself.
Without it, Snakemake parses the package for half a second each time it starts;
reading the cache takes a hundredth of that.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from pj2.fingerprint import syntax

Parts = dict[str, str]
"""The digest of each part of a source file, by the part's name."""

_FOLDER = Path(__file__).parent / "__pycache__"


class RememberedDigests:
    """What `source_digests` returned for each module, with the hash of the source it read.

    Args:
        folder: holds the cache, one JSON file; a damaged file counts as absent.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"digests.{sys.implementation.cache_tag}.json"
        self._known = self._read()
        self._changed = False

    def of(self, module: str, path: Path) -> Parts:
        """Return the digests of the parts of a module, whose source file is `path`.

        Raises OSError and SyntaxError.
        """
        source = path.read_bytes()
        content = hashlib.sha256(source).hexdigest()
        known = self._known.get(module)
        if known and known[0] == content:
            return known[1]
        parts = syntax.source_digests(source, str(path))
        self._known[module] = content, parts
        self._changed = True
        return parts

    def save(self) -> None:
        """Write new digests to disk; if that fails, the next process parses again."""
        if not self._changed:
            return
        self._changed = False
        text = json.dumps(self._known)
        with suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            unfinished = self._path.with_suffix(f".{os.getpid()}")
            unfinished.write_text(f"{_signature(text)}\n{text}")
            unfinished.replace(self._path)

    def _read(self) -> dict[str, tuple[str, Parts]]:
        with suppress(OSError, ValueError):
            signature, _, text = self._path.read_text().partition("\n")
            if signature == _signature(text):
                return {
                    name: (content, parts) for name, (content, parts) in json.loads(text).items()
                }
        return {}


@cache
def remembered_digests() -> RememberedDigests:
    """Return the cache of this checkout."""
    return RememberedDigests(_FOLDER)


def _signature(text: str) -> str:
    """Return a hash of `text` and of the code that computes digests, to detect a stale file."""
    rules = Path(syntax.__file__).read_bytes()
    return hashlib.sha256(rules + text.encode()).hexdigest()
