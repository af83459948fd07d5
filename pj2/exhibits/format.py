"""Tables, their file formats, and how numbers are written for people."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from tabulate import tabulate

from pj2.exhibits.escaping import escape_html, escape_latex, escape_markdown
from pj2.language import html_language, language
from pj2.statistics import Mean
from pj2.store.files import write_json, write_text
from pj2.store.records import PathLike, read_json

Shown = pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""The text of a table: a frame, columns by heading, or rows by heading."""

MISSING = "–"
MEAN_PARTS = ("mean", "sd", "low", "high")  # of `pj2.statistics.Mean`, as columns of a table

_LATEX_ALSO = {"zh": ", ctex"}  # packages that a language's letters need
_PAGE = """\
<!doctype html>
<html lang="{language}">
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
_OF_JSON = ("caption", "headings", "rows", "numeric")
_NUMBER = re.compile(rf"\d.*|{MISSING}")


@dataclass(frozen=True)
class TableText:
    """The text of a table in the chosen language: a cell for each row and heading."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each column holds numbers only; such columns are aligned to the right."""
        if not self.rows:
            return (False,) * len(self.headings)
        columns = zip(*self.rows, strict=True)
        return tuple(all(map(_NUMBER.fullmatch, cells)) for cells in columns)


@dataclass(frozen=True)
class Table(TableText):
    """Rounded text for people, and the numbers behind it.

    `frame` holds the same facts at full precision; its columns have English names, whatever the
    language.
    """

    frame: pd.DataFrame

    @classmethod
    def of(cls, frame: pd.DataFrame, *, caption: str, shown: Shown) -> Table:
        """Make a table from `shown`, whose keys or columns are the headings of the text."""
        values = pd.DataFrame(shown).astype(object)
        cells = values.where(values.notna(), MISSING).astype(str)
        rows = tuple(tuple(row) for row in cells.to_numpy().tolist())
        return cls(caption, tuple(map(str, cells)), rows, frame)


def write_all_formats(table: Table, stem: PathLike) -> None:
    """Write ``stem.csv``, ``.md``, ``.tex``, ``.html`` and ``.json``, each atomically.

    The CSV holds the table's `frame` at full precision, missing values empty. Markdown, LaTeX
    (booktabs; adjustbox shrinks a table wider than the line) and HTML, a page that a
    browser shows, hold its text under its caption; so does the JSON, for the report.
    """
    write_text(f"{stem}.csv", table.frame.to_csv(index=False, lineterminator="\n"))
    write_text(f"{stem}.md", _markdown(table))
    write_text(f"{stem}.tex", _latex(table))
    write_text(f"{stem}.html", _html(table))
    write_json(f"{stem}.json", {name: getattr(table, name) for name in _OF_JSON})


def read_table(path: PathLike) -> TableText:
    """Read the JSON of `write_all_formats`. Raises UserError if the file has another form."""
    return read_json(path, TableText)


def percent(fraction: float | None, interval: tuple[float, float] | None = None) -> str:
    """Write a fraction in percent with 2 decimals, its interval in brackets."""
    if fraction is None:
        return MISSING
    text = f"{100 * fraction:.2f}"
    return text + f" [{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]" if interval else text


def mean_sd(mean: Mean, *, scale: float = 1, digits: int = 2, sign: str = "") -> str:
    """Write a mean over seeds, of several with its standard deviation; `sign` "+" keeps a plus."""
    if math.isnan(mean.mean):
        return MISSING
    text = f"{scale * mean.mean:{sign}.{digits}f}"
    return text if math.isnan(mean.sd) else f"{text} ± {scale * mean.sd:.{digits}f}"


def percent_mean(mean: Mean) -> str:
    """Write a mean accuracy in percent, with its standard deviation and interval if it has them."""
    text = mean_sd(mean, scale=100)
    return text if math.isnan(mean.low) else f"{text} [{100 * mean.low:.2f}, {100 * mean.high:.2f}]"


def mean_columns(name: str, mean: Mean) -> dict[str, float]:
    """Return a mean over seeds as columns of a table, named ``name_mean`` and so on."""
    return {f"{name}_{part}": getattr(mean, part) for part in MEAN_PARTS}


def count(value: float | None) -> str:
    """Write a number rounded to an integer, with separators between thousands."""
    return MISSING if value is None else f"{value:,.0f}"


def _markdown(table: Table) -> str:
    text = tabulate(
        [list(map(escape_markdown, row)) for row in table.rows],
        headers=list(map(escape_markdown, table.headings)),
        tablefmt="pipe",
        colalign=_sides(table),
        disable_numparse=True,
    )
    return f"{escape_markdown(table.caption)}\n\n{text}\n"


def _latex(table: Table) -> str:
    cells = pd.DataFrame(list(table.rows), columns=list(table.headings)).map(escape_latex)
    text = cells.rename(columns=escape_latex).to_latex(
        index=False, escape=False, column_format="".join(side[0] for side in _sides(table))
    )
    return "\n".join(
        [
            r"% needs \usepackage{booktabs, adjustbox" + _LATEX_ALSO.get(language(), "") + "}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(table.caption)}}}",
            r"\begin{adjustbox}{max width=\linewidth}",
            text.rstrip(),
            r"\end{adjustbox}",
            r"\end{table}",
            "",
        ]
    )


def _html(table: Table) -> str:
    text = tabulate(
        table.rows,
        headers=table.headings,
        tablefmt="html",  # escapes by itself
        colalign=_sides(table),
        disable_numparse=True,
    )
    caption = escape_html(table.caption)
    title = re.split(r"\. |。", caption, maxsplit=1)[0]
    return _PAGE.format(language=html_language(), title=title, caption=caption, table=text)


def _sides(table: Table) -> list[str]:
    return ["right" if numeric else "left" for numeric in table.numeric]
