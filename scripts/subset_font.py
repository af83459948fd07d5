"""Make the font of the figures' Chinese words: python scripts/subset_font.py [FONT]

From a Noto Sans CJK font (Debian and Ubuntu: fonts-noto-cjk) it keeps the simplified Chinese
glyphs of the translations that DejaVu Sans, the font of all other text, lacks.
Run it (or `make translations`) after a change of pj2/language/zh.po.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.pofile import read_po
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from matplotlib.font_manager import findfont, get_font

PACKAGE = Path(__file__).resolve().parents[1] / "pj2"
WORDS = PACKAGE / "language" / "zh.po"
FONT = PACKAGE / "exhibits" / "fonts" / "pj2-sans-sc.otf"
SOURCE = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
SIMPLIFIED = 2  # index of a font in that collection
# A new name, since the original's is a trademark and this is another font.
FAMILY = "PJ2 Sans SC"
PUNCTUATION = "，。；：、！？（）《》「」％～"
# Indices of entries in a font's name table.
COPYRIGHT, FAMILY_NAME, STYLE, IDENTITY, FULL_NAME, VERSION, POSTSCRIPT = range(7)
LICENCE, LICENCE_URL = 13, 14


def letters() -> set[int]:
    """Return the code points of the translations that DejaVu Sans does not have."""
    with WORDS.open("rb") as file:
        words = "".join(str(message.string) for message in read_po(file) if message.id)
    latin = get_font(findfont("DejaVu Sans")).get_charmap()
    return {ord(letter) for letter in words + PUNCTUATION if letter.isprintable()} - latin.keys()


def main() -> None:
    """Write the subset."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else SOURCE)
    if not path.exists():
        sys.exit(f"{path}: not found; install fonts-noto-cjk, or name a Noto Sans CJK font")
    font = TTFont(path, fontNumber=SIMPLIFIED if path.suffix == ".ttc" else -1)
    font.recalcTimestamp = False  # so that equal words make equal bytes
    wanted = letters()
    lacking = wanted - font.getBestCmap().keys()
    if lacking:
        sys.exit(f"{path}: has no {''.join(map(chr, sorted(lacking)))}")
    subsetter = Subsetter(Options(hinting=False, layout_features=[], desubroutinize=True))
    subsetter.populate(unicodes=wanted)
    names = _names(font)
    subsetter.subset(font)
    font["name"].names = []
    for entry, text in names.items():
        font["name"].setName(text, entry, 3, 1, 0x409)
    outlines = font["CFF "].cff
    outlines.fontNames = [names[POSTSCRIPT]]
    outlines[0].FullName = outlines[0].FamilyName = FAMILY
    FONT.parent.mkdir(exist_ok=True)
    font.save(FONT)
    print(f"{FONT}: {len(wanted)} letters, {FONT.stat().st_size:,} bytes")


def _names(original: TTFont) -> dict[int, str]:
    said = {entry: str(original["name"].getDebugName(entry)) for entry in range(LICENCE_URL + 1)}
    kept = {entry: said[entry] for entry in (COPYRIGHT, VERSION, LICENCE, LICENCE_URL)}
    return kept | {
        FAMILY_NAME: FAMILY,
        STYLE: "Regular",
        IDENTITY: f"{FAMILY}, a subset of {said[FULL_NAME]}",
        FULL_NAME: FAMILY,
        POSTSCRIPT: f"{FAMILY.replace(' ', '')}-Regular",
    }


if __name__ == "__main__":
    main()
