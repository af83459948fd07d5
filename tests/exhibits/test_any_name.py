"""Whatever a class is called: what went in comes out of every format, figure and page."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.text import Text

from pj2.exhibits import style
from pj2.exhibits.confusion.figure import plot_confusion
from pj2.exhibits.escaping import escape_markdown
from pj2.exhibits.format import Table, write_all_formats
from pj2.report.page import _script_data, _themed
from tests.helpers.made_up import make_index, make_run

NAMES = [
    "_background_noise_",
    "[x](y)",
    "R&amp;D",
    "$5_$10",
    "a--b",
    "*",
    "[1]",
    "<b>",
    "a\nb",
    "\\",
]
ANY_NAME = st.sampled_from(NAMES) | st.text(
    "_*[]()`$\\&<>#;|~^%{}-',?!: \n\"a1mpüé中", min_size=1, max_size=12
)
BOUNDED = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def plain(text):
    return re.sub(r"\s+", " ", text).strip()


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.cells = []

    def handle_starttag(self, tag, attrs):
        if tag in ("td", "th", "p", "title"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


def read_html(text):
    reader = Cells()
    reader.feed(text)
    return [plain(cell) for cell in reader.cells]


def read_markdown(text):
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = [token for token in tokens if token.type == "inline"]
    for token in inline:
        assert {child.type for child in token.children} <= {"text", "text_special"}, token
    return [plain("".join(child.content for child in token.children)) for token in inline]


def read_latex(text):
    """The cells of a tabular's first row, as LaTeX sets them."""
    row = text.split("\\midrule\n")[1].split(" \\\\\n")[0]
    assert not re.match(r"[\[*]", row), "an argument of the command before it"
    cells = re.split(r"(?<!\\)&", row)
    words = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^"}
    words |= {"textless": "<", "textgreater": ">", "textbar": "|", "textasciigrave": "`"}

    def letter(match):
        assert match["special"] is None, f"{match[0]} is a command in {row}"
        if match["word"]:
            return words[match["word"]]
        return match["escaped"] or match["kept"] or ""

    assert not re.search(r"(--|''|,,)", row), "a ligature"
    one = re.compile(
        r"\\(?P<word>[a-z]+)\{\}|\\(?P<escaped>[&%$#_{}])|\{(?P<kept>[\[*])\}|\{\}"
        r"|(?P<special>[\\&%$#_{}~^])"
    )
    return [plain(one.sub(letter, cell)) for cell in cells]


@BOUNDED
@given(name=ANY_NAME, other=ANY_NAME)
def test_tables(tmp_path, name, other):
    frame = pd.DataFrame({"class": [name], other: ["5"]})
    stem = tmp_path / "table"
    write_all_formats(Table.of(frame, caption=f"Of {name}", shown=frame), stem)
    wanted = ["class", plain(other), plain(name), "5"]
    assert read_markdown((tmp_path / "table.md").read_text()) == [plain(f"Of {name}"), *wanted]
    assert read_html((tmp_path / "table.html").read_text())[-4:] == wanted
    assert read_latex((tmp_path / "table.tex").read_text())[0] == plain(name)
    with (tmp_path / "table.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["class", other], [name, "5"]]
    assert json.loads((tmp_path / "table.json").read_text())["rows"] == [[name, "5"]]


@BOUNDED
@given(names=st.lists(ANY_NAME, min_size=1, max_size=4))
def test_a_list_of_classes_in_a_paragraph(names):
    text = "Classes: " + ", ".join(map(escape_markdown, names)) + "."
    assert read_markdown(text) == [plain("Classes: " + ", ".join(names) + ".")]


@pytest.mark.parametrize("name", [*NAMES, r"\$\frac", "^_^ $x$", ""])
def test_figures(tmp_path, monkeypatch, name):
    texts = []
    saved = style.save

    def save(figure, stem):
        saved(figure, stem)
        texts.extend(figure.findobj(Text))

    monkeypatch.setattr(style, "save", save)
    run = make_run(
        tmp_path, "A", [1.0], labels=[0, 1], predicted=[0, 0], classes=(name, "other"),
    )  # fmt: skip
    plot_confusion(make_index(tmp_path, [run]), tmp_path / "figure")
    assert name in [text.get_text() for text in texts]
    assert not any(text.get_parse_math() for text in texts)
    assert not any("\\mathdefault" in text.get_text() for text in texts)


def test_a_class_named_like_a_colour_or_a_tag_stays_so_on_the_page():
    spec = {"scale": {"domain": ["#ff0000"], "range": ["#0072b2"]}, "sort": ["#ff0000"]}
    colours = set()
    assert _themed(spec, colours) == {
        "scale": {"domain": ["#ff0000"], "range": ["var(--c0072b2)"]},
        "sort": ["#ff0000"],
    }
    assert colours == {"#0072b2"}
    assert json.loads(_script_data(["</script>"])) == ["</script>"]
    assert "<" not in _script_data(["</script>"])
