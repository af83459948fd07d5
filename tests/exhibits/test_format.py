from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from pj2.exhibits.format import Table, write_all_formats
from tests.helpers.made_up import squeezed


def test_all_formats_say_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"model": ["VGG_A", "a|b & 5 %"], "loss": [1 / 3, 2.0], "best": [3, None]}
    ).astype({"best": "Int64"})
    stem = tmp_path / "lr=0.001"  # a dot in a stem is no suffix
    write_all_formats(Table.of(frame, caption="All of it, 100 %", shown=frame), stem)
    csv = tmp_path / "lr=0.001.csv"
    assert csv.read_text() == ("model,loss,best\nVGG_A,0.3333333333333333,3\na|b & 5 %,2.0,\n")
    assert pd.read_csv(csv)["loss"][0] == 1 / 3
    assert squeezed(tmp_path / "lr=0.001.md") == (
        "All of it, 100 %\n\n"
        "| model | loss | best |\n"
        "|:-|-:|-:|\n"
        "| VGG_A | 0.3333333333333333 | 3 |\n"
        "| a\\|b & 5 % | 2.0 | – |\n"
    )
    tex = squeezed(tmp_path / "lr=0.001.tex")
    assert r"\begin{tabular}{lrr}" in tex
    assert r"\caption{All of it, 100 \%}" in tex
    assert r"VGG\_A & 0.3333333333333333 & 3 \\" in tex
    assert r"a\textbar{}b \& 5 \% & 2.0 & - \\" in tex
    assert tex.index(r"\toprule") < tex.index(r"\midrule") < tex.index(r"\bottomrule")
    html = (tmp_path / "lr=0.001.html").read_text()
    assert "<p>All of it, 100 %</p>" in html
    assert "<td>a|b &amp; 5 %</td>" in html
    assert '<td style="text-align: right;"> –</td>' in re.sub(" +", " ", html)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [
        ".csv", ".html", ".json", ".md", ".tex",
    ]  # fmt: skip


def test_text_replaces_what_people_read_and_not_the_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [0.123456]})
    shown = pd.DataFrame({"X, %": ["12.35"]})
    write_all_formats(Table.of(frame, caption="c", shown=shown), tmp_path / "t")
    assert (tmp_path / "t.csv").read_text() == "x\n0.123456\n"
    assert "| 12.35 |" in squeezed(tmp_path / "t.md")
    assert "0.123456" not in (tmp_path / "t.tex").read_text()


def test_a_table_without_rows_keeps_its_header(tmp_path: Path) -> None:
    empty = pd.DataFrame(columns=["a", "b"])
    write_all_formats(Table.of(empty, caption="c", shown=empty), tmp_path / "t")
    assert squeezed(tmp_path / "t.md") == "c\n\n| a | b |\n|-|-|\n"
    assert r"\begin{tabular}{ll}" in (tmp_path / "t.tex").read_text()
