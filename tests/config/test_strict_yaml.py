"""What YAML could be read in two ways is refused, with its line."""

from __future__ import annotations

import pytest

from pj2.config.load import load_study, with_words_read
from pj2.config.strict_yaml import read_yaml
from pj2.errors import UserError

SOUND = """\
study: tiny
experiments:
  first:
    models: [BasicCNN]
    learning_rates: [1e-3]
    epochs: 8
"""


def refused(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        load_study(path)
    (line,) = caught.value.problems
    return line.removeprefix(str(path))


def test_a_key_that_is_there_twice_names_both_lines(tmp_path):
    experiment = SOUND.split("experiments:\n")[1]
    line = refused(tmp_path, SOUND + experiment.replace("BasicCNN", "VGG_A"))
    assert line.startswith(", line 7, column 3: the key first is already in line 3")
    line = refused(tmp_path, SOUND + "    epochs: 2\n")
    assert line.startswith(", line 7, column 5: the key epochs is already in line 6")
    assert "the key on is already in line 1" in refused(tmp_path, "yes: 1\non: 2\n")


def test_a_merged_key_may_be_given_anew(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("a: &a {epochs: 1, seeds: 2}\nb: {<<: *a, epochs: 3}\n")
    assert read_yaml(path)["b"] == {"epochs": 3, "seeds": 2}


@pytest.mark.parametrize("number", ["010", "1:30", "1:30.5", "0_7", "-017"])
def test_numbers_to_another_base_are_refused(tmp_path, number):
    line = refused(tmp_path, SOUND.replace("epochs: 8", f"epochs: {number}"))
    assert line.startswith(f", line 6, column 13: {number} is ")


@pytest.mark.parametrize(
    ("word", "value"),
    [("10", 10), ("0", 0), ("0.5", 0.5), ("0x10", 16), ("1_000", 1000), ("'010'", "010")],
)
def test_what_is_plainly_one_thing_is_read(tmp_path, word, value):
    path = tmp_path / "config.yaml"
    path.write_text(f"key: {word}\n")
    assert read_yaml(path) == {"key": value}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("study: t\nexperiments:\n\te: {}\n", "line 3, column 1: not valid YAML"),
        (b"# \xc4\xac\xc8\xcf\nstudy: t\n", "is not UTF-8 text"),
        ("a: &a {b: *a}", "line 1"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "9" * 5000, "line 1, column 4: cannot be read"),
        ("a: !!int x", "line 1, column 4: cannot be read"),
        ('a: "\\ud800"', "line 1, column 4: cannot be read"),
        ('"\\UFFFFFFFF"', "a bad character"),
        ("{[1]: 2}", "a key is one word"),
        ("models: !!set {VGG_A}", "line 1"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, text, words):
    assert words in refused(tmp_path, text)


def test_words_of_the_command_line_are_numbers_where_they_look_like_one():
    """Snakemake reads ``--config 'a={limit: {train: 100}}'`` as texts below the top level."""
    given = {"a": {"limit": {"train": "100"}, "patience": "null"}, "gpus": ["0", "2"], "c": 3}
    merged = {**given, "a": {**given["a"], "own": "100"}, "file": "5"}
    assert with_words_read(merged, given) == {
        "a": {"limit": {"train": 100}, "patience": None, "own": "100"},
        "gpus": [0, 2],
        "c": 3,
        "file": "5",
    }
    with pytest.raises(UserError, match=r"--config: 010 is 8"):
        with_words_read({"a": {"b": "010"}}, {"a": {"b": "010"}})
