"""Texts in the small languages that tables are written in: what went in is what is read.

Figures need no function here: `pj2.exhibits.style` switches mathtext off. The report page and
the charts on it escape by themselves.
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
# Of two of these in a row LaTeX makes a dash or a quotation mark.
_LATEX_SPECIAL = re.compile(r"([-',])(?=\1)|" + "|".join(map(re.escape, _LATEX)))
# Where a cell begins with one of these, they would be an argument of the row's end before it.
_LATEX_ARGUMENT = re.compile(r"\A\s*[\[*]")
# An underscore between letters is plain to Markdown, and so are an ampersand that begins no entity
# and brackets that are no link, as around an interval.
_MARKDOWN_SPECIAL = re.compile(r"[\\`*<|$~]|\](?=[(\[:])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")


def escape_latex(text: str) -> str:
    """Return a text for LaTeX, in a caption or in a cell of a table."""
    escaped = _LATEX_SPECIAL.sub(
        lambda match: match[1] + "{}" if match[1] else _LATEX[match[0]], _BREAKS.sub(" ", text)
    )
    return _LATEX_ARGUMENT.sub(r"{\g<0>}", escaped)


def escape_markdown(text: str) -> str:
    """Return a text for Markdown, in a paragraph or in a cell of a table."""
    return _MARKDOWN_SPECIAL.sub(r"\\\g<0>", _BREAKS.sub(" ", text))


def escape_html(text: str) -> str:
    """Return a text for HTML."""
    return html.escape(text)
