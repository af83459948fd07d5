"""The study's tables, read back from the Markdown that people see elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pj2.errors import UserError
from pj2.language import tr


@dataclass(frozen=True)
class Table:
    """A caption, headings and rows of text; `numeric` says which columns are numbers."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def read_table(path: Path) -> Table:
    """Read a table of `tables.format.write_all_formats`, its headings and words translated.

    Raises UserError if the file is not one.
    """
    try:
        tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    kinds = [token.type for token in tokens]
    if "table_open" not in kinds:
        raise UserError(f"{path}: holds no table; was it written by another version?")
    start = kinds.index("table_open")
    caption = " ".join(_text(token) for token in tokens[:start] if token.type == "inline")
    rows: list[list[str]] = []
    numeric: list[bool] = []
    for place, token in enumerate(tokens[start:], start):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            numeric.append("right" in str(token.attrs.get("style", "")))
        elif token.type == "inline" and rows:
            rows[-1].append(tr(_text(tokens[place])))
    headings, *body = (tuple(row) for row in rows)
    return Table(_translated(caption), headings, tuple(body), tuple(numeric))


def _text(token: Token) -> str:
    return "".join(child.content for child in token.children or [])


def _translated(caption: str) -> str:
    """Translate a caption sentence by sentence, since parts of it depend on the study."""
    return " ".join(tr(f"{sentence}.") for sentence in caption.rstrip(".").split(". "))
