"""The message of letters that no font has, in the log of one figure and for all logs together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_SAID = "pj2: no font here has {letters}: {remedy}"
_READ = re.compile(_SAID.format(letters="(.+?)", remedy="(.+)"))


def said_of(letters: Iterable[str], fonts_cache: str) -> str:
    """Return the line on a figure's missing letters; `fonts_cache` is matplotlib's folder."""
    remedy = (
        "install Noto Sans CJK SC (on Debian and Ubuntu fonts-noto-cjk), "
        f"remove {fonts_cache} and draw this again"
    )
    return _SAID.format(letters="".join(sorted(letters)), remedy=remedy)


def said_in(logs: Path) -> str | None:
    """Return one line on the missing letters in all logs below a folder; None if there are none."""
    letters: set[str] = set()
    remedy = ""
    for log in logs.rglob("*.log"):
        for found in _READ.finditer(log.read_text(encoding="utf-8", errors="replace")):
            letters |= set(found[1])
            remedy = found[2]
    return _SAID.format(letters="".join(sorted(letters)), remedy=remedy) if letters else None
