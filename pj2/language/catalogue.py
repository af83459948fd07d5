"""Translations: English sentences are the keys, ``<language>.po`` beside this file the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pj2.errors import UserError

_chosen = "en"


def use_language(name: str) -> None:
    """Make `tr` use this language from now on: ``en``, or one with a .po file.

    Raises UserError for another.
    """
    global _chosen
    _translations(name)
    _chosen = name


def language() -> str:
    """Return the language that `tr` uses."""
    return _chosen


def html_language() -> str:
    """Return the chosen language as the ``lang`` of an HTML page names it."""
    return "zh-CN" if _chosen == "zh" else _chosen


@contextmanager
def in_language(name: str) -> Iterator[None]:
    """Make `tr` use this language inside a with statement, and the previous one afterwards."""
    before = _chosen
    use_language(name)
    try:
        yield
    finally:
        use_language(before)


def tr(text: str, **values: object) -> str:
    """Return an English sentence in the chosen language, its ``{fields}`` filled with `values`.

    A sentence without a translation stays English. Fields are those of `str.format`; without
    `values` the text is returned unchanged, with its braces.
    """
    translated = _translations(_chosen).get(text) or text
    return translated.format(**values) if values else translated


def said(text: str) -> str:
    """Mark an English text for extraction; `tr` translates it where it is shown."""
    return text


@cache
def _translations(name: str) -> Mapping[str, str]:
    if name == "en":
        return {}
    from babel.messages.pofile import read_po  # English, the usual language, does not need it

    try:
        with Path(__file__).with_name(f"{name}.po").open("rb") as file:
            catalogue = read_po(file, locale=name)
    except FileNotFoundError:
        raise UserError(f"language: {name}: the languages are en and zh") from None
    return {
        message.id: message.string
        for message in catalogue
        if message.id and isinstance(message.id, str) and isinstance(message.string, str)
    }
