"""Figures in Chinese: every word, every letter, and lines that break where they may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest
from babel.messages.pofile import read_po
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

import pj2.language
from pj2.exhibits import letters, style
from pj2.exhibits.confusion.figure import plot_confusion
from pj2.exhibits.missing import said_in, said_of
from pj2.exhibits.surfaces.view import write_surface_view
from pj2.language import use_language
from tests.exhibits.every_figure import every_figure
from tests.helpers.made_up import CLASSES, make_index, make_run

# What is not translated: names of methods, of people, of things in the config and the code.
NAMES = re.compile(
    r"(Basic|Improved|Residual)CNN|(VGG_A)?(_BatchNorm)?|BatchNorm|features\.0\.weight|Made-up CPU"
    r"|CPU|MACs|ECE|NLL|nat|epoch|bf16|fp32|adam|dropout|width|mathdefault|lost/|e/|alone/"
    r"|Wilson|Student|McNemar|Holm|BCa|Hessian|Lanczos|Santurkar|Ghorbani|Papyan|Dinh|Northcutt|Li\b"
)


@pytest.fixture(autouse=True)
def chinese() -> Iterator[None]:
    use_language("zh")
    yield
    use_language("en")


def translations() -> str:
    with Path(pj2.language.__file__).with_name("zh.po").open("rb") as file:
        return "".join(str(message.string) for message in read_po(file) if message.id)


def test_the_fonts_of_the_package_have_every_letter_of_the_translations() -> None:
    known = set(get_font(findfont("DejaVu Sans")).get_charmap()) | set(
        get_font(str(letters.FONT)).get_charmap()
    )
    missing = {letter for letter in translations() if letter.isprintable()} - set(map(chr, known))
    assert missing == set(), "run: python scripts/subset_font.py"
    assert letters.FONT.stat().st_size < 200_000


@pytest.mark.filterwarnings("error")  # such as a glyph that is missing, a layout that does not fit
def test_figures_in_chinese_have_no_english_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: dict[str, str] = {}

    def keep(figure: Figure, stem: Path) -> None:
        with letters.missing_ones_named(figure):
            figure.draw_without_rendering()
        texts = (text.get_text() for text in figure.findobj(matplotlib.text.Text))
        said[stem.name] = "\n".join(texts)

    monkeypatch.setattr(style, "save", keep)
    for name, draw in every_figure(tmp_path).items():
        draw(tmp_path / name)
    for name, text in said.items():
        for known in CLASSES:
            text = text.replace(known, "")
        left = re.findall(r"[A-Za-z]{2,}", NAMES.sub("", text))
        assert (name, left) == (name, [])
    assert len(said) > 20
    assert capsys.readouterr().err == ""


def test_the_view_speaks_too(tmp_path: Path) -> None:
    every_figure(tmp_path)
    write_surface_view(sorted(tmp_path.glob("*.surface.parquet")), tmp_path / "view")
    page = (tmp_path / "view.html").read_text()
    assert "\\u635f\\u5931\\u66f2\\u9762" in page or "损失曲面" in page


def test_letters_that_no_font_has_are_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_language("en")
    monkeypatch.setattr(letters, "FAMILIES", letters.FAMILIES[:2])  # as if none were installed
    letters._known.cache_clear()
    classes = ["飛行機", "car", "鷹", "cat"]
    (index,) = make_index(tmp_path, [make_run(tmp_path, "A", [1.0], classes=classes)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style._RC, "font.family", letters.FAMILIES)
        plot_confusion([index], tmp_path / "figure")
    letters._known.cache_clear()
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match("pj2: no font here has [^ ]*飛[^ ]*鷹[^ ]*: install Noto Sans CJK SC", line)
    assert (tmp_path / "figure.svg").exists()
    assert said_in(tmp_path / "logs") is None
    for number, words in enumerate(["飛行機", "鷹", "car"]):
        said = said_of(set(words), "FOLDER") if words != "car" else "drawn"
        log = tmp_path / "logs" / f"experiment={number}" / "a.log"
        log.parent.mkdir(parents=True)
        log.write_text(f"one line\n{said}\n", encoding="utf-8")
    together = said_of({*"飛行機鷹"}, "FOLDER")
    assert said_in(tmp_path / "logs") == together


def test_english_breaks_at_blanks_and_chinese_anywhere_but_before_a_stop() -> None:
    assert letters.wrap("one two three", 8) == "one two\nthree"
    assert letters.width("学习率 0.1") == 10
    assert letters.wrap("损失的曲率。", 10) == "损失的曲\n率。"
    assert letters.wrap("训练损失（nat）和准确率", 12) == "训练损失\n（nat）和准\n确率"
    assert letters.wrap("一。 二。", 80) == "一。二。"
    long = "各模型取 BatchNorm 的学习率 0.001，种子 0、1、2；" * 5
    lines = letters.wrap(long, 40).split("\n")
    assert max(map(letters.width, lines)) <= 40
    assert "".join(lines).replace(" ", "") == long.replace(" ", "")
    assert not any(line[0] in "，。；：、）" for line in lines)
