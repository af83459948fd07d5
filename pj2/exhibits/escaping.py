"""Escaping for the markup languages of tables: readers see the text exactly as it is.

Figures need no function here, since `pj2.exhibits.style` switches mathtext off. The report page
and its charts escape text themselves.
"""

from __future__ import annotations

import html
import re

_BREAKS = re.compile(r"[\t\n\v\f\r]+")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}",
    "→": r"$\rightarrow$", "–": "--", "−": "$-$",
}  # fmt: skip
# LaTeX turns two of these in a row into a dash or a quotation mark.
_LATEX_SPECIAL = re.compile(r"([-',])(?=\1)|" + "|".join(map(re.escape, _LATEX)))
# At the beginning of a cell, LaTeX takes one of these as an argument of the preceding row end.
_LATEX_ARGUMENT = re.compile(r"\A\s*[\[*]")
# Markdown leaves these alone: an underscore between letters, an ampersand that begins no entity,
# and brackets that are no link, as around an interval.
_MARKDOWN_SPECIAL = re.compile(r"[\\`*<|$~]|\](?=[(\[:])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")


def escape_latex(text: str) -> str:
    """Escape a text for LaTeX, for a caption or a table's cell."""
    escaped = _LATEX_SPECIAL.sub(
        lambda match: match[1] + "{}" if match[1] else _LATEX[match[0]], _BREAKS.sub(" ", text)
    )
    return _LATEX_ARGUMENT.sub(r"{\g<0>}", escaped)


def escape_markdown(text: str) -> str:
    """Escape a text for Markdown, for a paragraph or a table's cell."""
    return _MARKDOWN_SPECIAL.sub(r"\\\g<0>", _BREAKS.sub(" ", text))


def escape_html(text: str) -> str:
    """Escape a text for HTML."""
    return html.escape(text)
