"""What is believed of a record, and what is said of one that is not."""

from __future__ import annotations

import json
import os
import re

import pytest
from typing_extensions import TypedDict

from pj2.errors import in_one_line
from pj2.store.records import (
    BadRecord,
    Count,
    Name,
    plain_name,
    read_json,
    read_record,
    says,
    signed,
    write_record,
)


class Made(TypedDict):
    name: Name
    count: Count


@pytest.fixture
def path(tmp_path):
    return tmp_path / "record.json"


def refused(path, schema=Made) -> str:
    """The one line that is said."""
    with pytest.raises(BadRecord) as caught:
        read_record(path, schema)
    (line,) = caught.value.problems
    assert line.startswith(f"{path}: ")
    assert in_one_line(line) == line
    assert caught.value.in_its_folder.startswith(f"{path.name} ")
    return line.removeprefix(f"{path}: ")


def test_what_was_written_is_read(path):
    write_record(path, {"name": "a", "count": 3, "digest": "of what was read before"})
    assert read_record(path, Made) == {"name": "a", "count": 3}
    assert json.loads(path.read_text()) == signed({"name": "a", "count": 3})


@pytest.mark.parametrize("value", [3, "b", None, [], {"x": 1}])
def test_an_edit_is_seen(path, value):
    write_record(path, {"name": "a", "count": 0})
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": value}))
    assert refused(path) == "was edited or damaged: its digest does not match its content"


def test_a_layout_is_no_edit(path):
    write_record(path, {"name": "ä", "count": 0})
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items()))))
    assert read_record(path, Made)["name"] == "ä"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged: not valid JSON"),
        (b"\xff\xfe", "is damaged: not valid JSON"),
        (b"[" * 100_000, "is damaged: not valid JSON"),
        (b'{"a": ' * 100_000, "is damaged: not valid JSON"),
        (b'{"a": NaN}', "is damaged: not valid JSON"),
        (b'{"a": -Infinity}', "is damaged: not valid JSON"),
        (b'{"digest": 1, "a": 1e999}', "is damaged: Out of range float"),
        (b'{"a": "\\ud800"}', "is damaged: not valid JSON"),
        (b"1" * 5000, "is damaged: not valid JSON"),
        (b"[]", "is damaged, or another version wrote it: Input should be a valid dict"),
        (b"{}", "has no digest: another version wrote it"),
    ],
)
def test_what_is_no_record_is_a_line(path, content, words):
    path.write_bytes(content)
    assert refused(path).startswith(words)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"count": 1}, "name: Field required"),
        ({"name": "a", "count": -1}, "count: Input should be greater"),
        ({"name": "a", "count": 10**400}, "count: "),
        ({"name": "a", "count": {}}, "count: Input should be a valid integer"),
        ({"name": "../a", "count": 1}, "name: '../a' is not the plain name"),
        ({"name": "\x1b[2Ja", "count": 1}, r"name: '\x1b[2Ja' is not the plain name"),
    ],
)
def test_wrong_types_are_a_line_however_they_are_signed(path, value, words):
    write_record(path, value)
    assert refused(path).startswith(f"is damaged, or another version wrote it: {words}")


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "missing", "closed"])
def test_what_is_no_file_to_read_is_a_line_and_is_not_waited_for(path, kind):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "closed":
        path.symlink_to(path)
    words = {
        "pipe": "cannot be read (not a regular file)",
        "folder": "cannot be read (not a regular file)",
        "device": "cannot be read (not a regular file)",
        "missing": "is missing",
        "closed": "cannot be read (Too many levels",
    }
    assert words[kind] in refused(path)


def test_a_file_that_is_longer_than_any_record_is_a_line(path):
    write_record(path, {"name": "a", "count": 0})
    with pytest.raises(BadRecord, match="is longer than any record: more than 10 bytes"):
        read_record(path, Made, largest=10)


def test_a_file_whose_digest_another_knows_needs_none_of_its_own(path):
    path.write_text('{"name": "a", "count": 1}')
    assert read_json(path, Made) == {"name": "a", "count": 1}
    path.write_text('{"name": "a"}')
    with pytest.raises(BadRecord, match=f"^{re.escape(str(path))}: .*count: Field required"):
        read_json(path, Made)


@pytest.mark.parametrize("name", ["a", "model=VGG_A.drop-0.5", "ä b", "...", "x" * 255])
def test_a_plain_name(name):
    assert plain_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/", "a/b", "a\\b", "/a", "a\n", "\x00", "a\u202eb", "x" * 256]
)
def test_what_leads_out_of_a_folder_or_prints_otherwise_is_no_plain_name(name):
    with pytest.raises(ValueError, match="name of a file"):
        plain_name(name)


@pytest.mark.parametrize(
    ("value", "wanted", "same"),
    [
        ({"a": [{"b": 1, "record": 2}]}, {"a": [{"b": 1}]}, True),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, False),
        ({"a": [{"b": 1}, {"b": 1}]}, {"a": [{"b": 1}]}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": []}, {"a": {}}, False),
    ],
)
def test_whether_a_record_says_what_is_wanted(value, wanted, same):
    assert says(value, wanted) is same
