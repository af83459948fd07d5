"""The English and the Chinese README say the same: sections, commands, links and numbers."""

from __future__ import annotations

import re

import pytest

from tests.helpers.repository import REPOSITORY

ENGLISH, CHINESE = (
    (REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
)


def levels(text: str) -> list[str]:
    return re.findall(r"^(#+) ", text, re.M)


def commands(text: str) -> list[str]:
    blocks = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    return [re.split(r"\s+#", line)[0] for block in blocks for line in block.splitlines()]


def code(text: str) -> set[str]:
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```\n.*?^```", "", text, flags=re.M | re.S))
    return {re.sub(r"\s+", " ", span) for span in spans}


def links(text: str) -> set[str]:
    """Links to files and pages; a link within the page names its heading, in its language."""
    found = set(re.findall(r"\]\(([^)#][^)]*)\)", text))
    return found - {"README.md", "README.zh-CN.md"}


@pytest.mark.parametrize("part", [levels, commands, code, links])
def test_both_have_the_same(part) -> None:
    assert part(ENGLISH) == part(CHINESE)


def test_both_have_the_same_numbers_with_a_decimal_point_or_comma() -> None:
    number = re.compile(r"\d+[.,]\d+")
    assert sorted(number.findall(ENGLISH)) == sorted(number.findall(CHINESE))
