"""The study's tables, read back from the Markdown that people see elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pj2.errors import UserError
from pj2.exhibits.headings import heading_in_words
from pj2.language import tr, tr_sentences


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
            rows[-1].append(_text(tokens[place]))
    headings = tuple(map(heading_in_words, rows[0]))
    body = tuple(tuple(map(_in_words, row)) for row in rows[1:])
    return Table(tr_sentences(caption), headings, body, tuple(numeric))


def _text(token: Token) -> str:
    return "".join(child.content for child in token.children or [])


def _in_words(cell: str) -> str:
    """Return what a cell says in the chosen language; numbers and names stay as they are."""
    word, space, rest = cell.partition(" (")  # a verdict may name precisions
    words = {
        "agrees": tr("agrees"),
        "best": tr("best"),
        "completed": tr("completed"),
        "differs": tr("differs"),
        "does not hold": tr("does not hold"),
        "fewer": tr("fewer"),
        "gradient": tr("gradient"),
        "higher": tr("higher"),
        "higher for this seed": tr("higher for this seed"),
        "holds": tr("holds"),
        "holds in part": tr("holds in part"),
        "last": tr("last"),
        "lower": tr("lower"),
        "lower for this seed": tr("lower for this seed"),
        "more": tr("more"),
        "none": tr("none"),
        "not comparable": tr("not comparable"),
        "not run": tr("not run"),
        "not settled": tr("not settled"),
        "reference": tr("reference"),
        "second half": tr("second half"),
        "stated": tr("stated"),
        "stopped early": tr("stopped early"),
        "update": tr("update"),
        "whole run": tr("whole run"),
    }
    return words.get(word, word) + space + rest
