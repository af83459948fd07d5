"""The study's tables, as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from pj2.runs.reading import PathLike, read_object


@dataclass(frozen=True)
class Table:
    """A caption, headings and rows of text; `numeric` says which columns are numbers."""

    caption: str
    headings: list[str]
    rows: list[list[str]]
    numeric: list[bool]


def read_table(path: PathLike) -> Table:
    """Read the JSON of `pj2.exhibits.format.write_all_formats`.

    Raises UserError if it is not that.
    """
    value = read_object(path, ("caption", "headings", "rows", "numeric"))
    return Table(value["caption"], value["headings"], value["rows"], value["numeric"])
