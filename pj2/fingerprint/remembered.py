"""Digests of source files, remembered between processes by the bytes they are of.

They lie where Python keeps what it compiled: whoever can write there can
change the code itself. Parsing the package takes Snakemake half a second each
time it starts; reading it takes a hundredth of that.
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
    """What ``source_digests`` returned for files of this content.

    Args:
        folder: where the one JSON file lies; one that is damaged counts as absent.
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
        """Write down what is new; where that is not allowed, the next process parses again."""
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
    """Return the digests that this checkout remembers."""
    return RememberedDigests(_FOLDER)


def _signature(text: str) -> str:
    """Return what tells a whole file of today's digests from a damaged or an older one."""
    rules = Path(syntax.__file__).read_bytes()
    return hashlib.sha256(rules + text.encode()).hexdigest()
