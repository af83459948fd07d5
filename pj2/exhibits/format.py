"""One table in four formats, and how numbers are written for people."""

from __future__ import annotations

import html
import re

import pandas as pd
from tabulate import tabulate

from pj2.runs.reading import PathLike
from pj2.statistics import Mean
from pj2.store.files import write_text

MISSING = "–"

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "→": r"$\rightarrow$",
    "–": "--", "−": "$-$",
}  # fmt: skip
_LATEX_SPECIAL = re.compile("|".join(map(re.escape, _LATEX)))
_MARKDOWN_SPECIAL = re.compile(r"([\\|*<`])")  # _ inside a word is plain
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 14px/1.4 sans-serif; color: #222; background: white; margin: 1.5em; }}
p {{ max-width: 60em; }}
table {{ border-collapse: collapse; width: max-content; }}
th {{ text-align: left; }}
th, td {{ padding: 0.25em 0.7em; border-bottom: 1px solid #ddd; vertical-align: top; }}
td {{ max-width: 30em; }}
</style>
<p>{caption}</p>
{table}
</html>
"""
_NUMBER = re.compile(rf"\d.*|{MISSING}")


def write_all_formats(
    frame: pd.DataFrame, stem: PathLike, *, caption: str, display: pd.DataFrame | None = None
) -> None:
    """Write ``stem.csv``, ``stem.md``, ``stem.tex`` and ``stem.html``, each atomically.

    The CSV holds `frame` at full precision, missing values empty. Markdown, LaTeX
    (booktabs; adjustbox shrinks a table wider than the line) and HTML, a page that a
    browser shows, hold `display`: the same facts as text, rounded, under a caption; by
    default `frame` itself.
    """
    shown = (frame if display is None else display).astype(object)
    cells = shown.where(shown.notna(), MISSING).astype(str)
    cells.columns = cells.columns.map(str)
    numeric = [len(cells) > 0 and all(map(_NUMBER.fullmatch, cells[name])) for name in cells]
    align = ["right" if right else "left" for right in numeric]
    write_text(f"{stem}.csv", frame.to_csv(index=False, lineterminator="\n"))
    write_text(f"{stem}.md", _markdown(cells, align, caption))
    write_text(f"{stem}.tex", _latex(cells, align, caption))
    write_text(f"{stem}.html", _html(cells, align, caption))


def percent(fraction: float | None, interval: tuple[float, float] | None = None) -> str:
    """Write a fraction in percent with 2 decimals, its interval in brackets."""
    if fraction is None:
        return MISSING
    text = f"{100 * fraction:.2f}"
    return text + f" [{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]" if interval else text


def percent_spread(found: Mean) -> str:
    """Write a mean of fractions in percent with its standard deviation over seeds."""
    if not found.n:
        return MISSING
    text = percent(found.mean)
    return f"{text} ± {100 * found.sd:.2f}" if found.n > 1 else text


def count(value: float | None) -> str:
    """Write a number rounded to a whole one, with thousands separated."""
    return MISSING if value is None else f"{value:,.0f}"


def _markdown(cells: pd.DataFrame, align: list[str], caption: str) -> str:
    safe = cells.map(escape_markdown)
    table = tabulate(
        safe.to_numpy().tolist(),
        headers=[escape_markdown(name) for name in cells.columns],
        tablefmt="pipe",
        colalign=align,
        disable_numparse=True,
    )
    return f"{escape_markdown(caption)}\n\n{table}\n"


def _latex(cells: pd.DataFrame, align: list[str], caption: str) -> str:
    table = (
        cells.map(escape_latex)
        .rename(columns=escape_latex)
        .to_latex(index=False, escape=False, column_format="".join(side[0] for side in align))
    )
    return "\n".join(
        [
            r"% needs \usepackage{booktabs, adjustbox}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(caption)}}}",
            r"\begin{adjustbox}{max width=\linewidth}",
            table.rstrip(),
            r"\end{adjustbox}",
            r"\end{table}",
            "",
        ]
    )


def _html(cells: pd.DataFrame, align: list[str], caption: str) -> str:
    table = tabulate(
        cells.to_numpy().tolist(),
        headers=list(cells.columns),
        tablefmt="html",  # escapes
        colalign=align,
        disable_numparse=True,
    )
    title = caption.split(". ", 1)[0]
    return _PAGE.format(title=html.escape(title), caption=html.escape(caption), table=table)


def escape_latex(text: str) -> str:
    """Escape what LaTeX would read as a command."""
    return _LATEX_SPECIAL.sub(lambda match: _LATEX[match[0]], text)


def escape_markdown(text: str) -> str:
    """Escape what Markdown would read as a mark, or as the end of a table's cell."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", text)
