"""Fonts for letters that are not Latin, and line breaks between them."""

from __future__ import annotations

import re
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.text import Text

from pj2.exhibits.missing import said_of

# scripts/subset_font.py subsets this font to the letters that the translations need.
FONT = Path(__file__).with_name("fonts") / "pj2-sans-sc.otf"
# Fonts for other Chinese letters in a user's data; the first installed one is used.
_INSTALLED = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN",
    "Noto Sans CJK JP", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "Heiti SC",
    "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
)  # fmt: skip

_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"  # Chinese, and full-width punctuation
_OPENING, _CLOSING = "（《「", "，。；：、！？）》」"
# A unit that stays on one line: a Chinese character or a Latin word, with its punctuation.
_PIECES = re.compile(rf"[{_OPENING}]*(?:[{_WIDE}]|[^\s{_WIDE}]+)[{_CLOSING}]*\s*")


def _families() -> list[str]:
    """Return the font families in which to look for a letter, in this order."""
    fontManager.addfont(FONT)
    known = set(fontManager.get_font_names())
    installed = [name for name in _INSTALLED if name in known]
    # matplotlib ships the first one, so letters look the same everywhere.
    return ["DejaVu Sans", "PJ2 Sans SC", *installed[:1]]


FAMILIES = _families()


def width(text: str) -> int:
    """Return the width of a text in Latin letters; a Chinese character counts as two."""
    return len(text) + len(re.findall(f"[{_WIDE}]", text))


def wrap(text: str, columns: int) -> str:
    """Break a text into lines of `columns` Latin letters.

    A line may end between any two Chinese characters, but neither before a full stop nor after an
    opening bracket.
    """
    if width(text) == len(text):
        return textwrap.fill(text, columns)
    lines = [""]
    # The full-width stop at the end of a sentence includes its space.
    for piece in _PIECES.findall(re.sub(rf"(?<=[{_CLOSING}])\s+", "", text)):
        if lines[-1] and width(lines[-1] + piece.rstrip()) > columns:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


@contextmanager
def missing_ones_named(figure: Figure) -> Iterator[None]:
    """Suppress matplotlib's warnings about letters without a glyph; report them all in one line."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ ")
        yield
    drawn = {letter for text in figure.findobj(Text) for letter in text.get_text()}
    if missing := [letter for letter in drawn - _known() if not letter.isspace()]:
        print(said_of(missing, matplotlib.get_cachedir()), file=sys.stderr)


@cache
def _known() -> frozenset[str]:
    """Return every letter that some font of `FAMILIES` has."""
    return frozenset(
        chr(code) for name in FAMILIES for code in get_font(findfont(name)).get_charmap()
    )
