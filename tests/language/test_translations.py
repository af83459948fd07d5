"""Every sentence that figures and report say has its Chinese, and no other has."""

from __future__ import annotations

import ast
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

from tests.helpers.repository import REPOSITORY

PACKAGE = REPOSITORY / "pj2"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """All that is said, as `make translations` finds it."""
    path = tmp_path_factory.mktemp("words") / "words.pot"
    mapping = [
        "--mapping",
        str(REPOSITORY / "pyproject.toml"),
        "--keyword",
        "tr",
        "--keyword",
        "said",
    ]
    arguments = ["pybabel", "-q", "extract", *mapping, "--output-file", str(path), str(PACKAGE)]
    CommandLineInterface().run(arguments)
    with path.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def translated() -> Catalog:
    with (PACKAGE / "language" / "zh.po").open("rb") as file:
        return read_po(file, locale="zh")


def messages(catalogue: Catalog) -> dict[str, Message]:
    return {str(message.id): message for message in catalogue if message.id}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_everything_said_is_translated_and_nothing_else(said: Catalog, translated: Catalog) -> None:
    english, chinese = messages(said), messages(translated)
    assert english.keys() - chinese.keys() == set(), "run: make translations"
    assert chinese.keys() - english.keys() == set(), "run: make translations"
    assert not translated.obsolete
    assert [text for text, message in chinese.items() if not message.string] == []
    assert [text for text, message in chinese.items() if message.fuzzy] == []


def test_a_translation_has_the_fields_of_its_sentence(translated: Catalog) -> None:
    different = [
        text
        for text, message in messages(translated).items()
        if "python-brace-format" in message.flags and fields(text) != fields(str(message.string))
    ]
    assert different == []


def test_no_sentence_hides_where_it_is_not_found(said: Catalog) -> None:
    """Babel does not look into f-strings, nor at names that stand for a sentence."""
    literal = {
        node.args[0].value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "tr"
        and isinstance(node.args[0], ast.Constant)
    }
    assert literal - messages(said).keys() == set()
    assert len(literal) > 100
