"""The sections of the page, in their order: the items that each shows, and how they were made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from pj2.exhibits.catalogue import SECTIONS, Key, exhibits, paths, topics
from pj2.exhibits.declare import Exhibit, Figure, Table
from pj2.exhibits.format import TableText, read_table
from pj2.exhibits.vega import Chart
from pj2.fingerprint.code import code_of
from pj2.language import tr
from pj2.report.contents import Shown
from pj2.report.images import Picture, embed
from pj2.runs.reading import RunRecord

_PICTURES = 60  # of one kind inside the page; for further ones the page lists the files
_SHORT = 12  # letters of a digest


@dataclass(frozen=True)
class Made:
    """How an item was made: a command, the input runs, and digests of data and code."""

    command: str
    runs: tuple[str, ...]
    data: str
    code: str


@dataclass(frozen=True)
class Item:
    """A chart, a picture or a table, with the files that hold the same."""

    anchor: str
    title: str
    made: Made
    chart: Chart | None = None
    picture: Picture | None = None
    table: TableText | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A heading, a text for the reader, and the items below it."""

    anchor: str
    title: str
    text: str
    items: tuple[Item, ...]


def sections(shown: Shown) -> list[Section]:
    """Return the sections that have something to show."""
    maker = _Maker(shown)
    filled = []
    for name, (title, text) in SECTIONS.items():
        here = [each for topic in topics() if topic.section == name for each in topic.exhibits]
        items = tuple(item for exhibit in here for item in maker.items(exhibit))
        if items:
            filled.append(Section(name, tr(title), tr(text), items))
    return filled


class _Maker:
    """Makes the items of a study, each with the files, runs and code behind it."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def items(self, exhibit: Exhibit) -> Iterator[Item]:
        """Yield what the page shows of an exhibit."""
        if isinstance(exhibit, Table):
            yield from self._tables(exhibit)
        elif isinstance(exhibit, Figure) and exhibit.chart:
            yield from self._charts(exhibit)
        elif isinstance(exhibit, Figure):
            yield from self._pictures(exhibit, self._shown.contents.figures.get(exhibit.name, []))

    def _tables(self, exhibit: Table) -> Iterator[Item]:
        contents = self._shown.contents
        for key in contents.tables.get(exhibit.name, []):
            table = read_table(contents.path(exhibit, key, "json"))
            if table.rows:
                yield self._item(exhibit, key, table=table)

    def _pictures(self, exhibit: Figure, keys: Sequence[Key]) -> Iterator[Item]:
        contents = self._shown.contents
        for place, key in enumerate(keys):
            shown = place < _PICTURES
            picture = embed(contents.path(exhibit, key, "png")) if shown else None
            yield self._item(exhibit, key, picture=picture)

    def _charts(self, exhibit: Figure) -> Iterator[Item]:
        """Yield the charts, each with the files of its figure, if it has one."""
        there = self._shown.contents.figures.get(exhibit.name, [])
        parts = {"study": 0, "experiment": 1, "model": 2}[exhibit.chart_level]
        for key in dict.fromkeys(key[:parts] for key in there):
            alike = [each for each in there if each[:parts] == key]
            charts = exhibit.charts_of(self._shown.of(key))
            if charts is None:
                yield from self._pictures(exhibit, alike)
            for chart in charts or []:
                chart = replace(chart, name=_anchor(chart.name, *key))
                yield Item(
                    f"chart-{chart.name}",
                    _titled(chart.title, key),
                    self._made(exhibit, alike[0], key, exhibit.chart.partition(":")[0]),
                    chart=chart,
                    files=self._files(exhibit, alike[0]) if len(alike) == 1 else (),
                )

    def _item(self, exhibit: Exhibit, key: Key, **content: Any) -> Item:
        return Item(
            _anchor(exhibit.kind, exhibit.name, *key),
            _titled(tr(exhibit.title), key),
            self._made(exhibit, key, key, exhibit.module),
            files=self._files(exhibit, key),
            **content,
        )

    def _made(self, exhibit: Exhibit, file: Key, key: Key, module: str) -> Made:
        runs = self._shown.of(key)
        return Made(
            self._shown.contents.command(next(paths(exhibit, [file]))),
            tuple(f"{_name(run)}: {run.info['fingerprint'][:_SHORT]}" for run in runs),
            ", ".join(dict.fromkeys(run.info["data"]["hash"][:_SHORT] for run in runs)),
            f"{module} {_digest(module)}",
        )

    def _files(self, exhibit: Exhibit, key: Key) -> tuple[str, ...]:
        """Return the files of an exhibit and of its view, as paths relative to the page."""
        beside = exhibits("view").get(exhibit.name) if isinstance(exhibit, Figure) else None
        return tuple(path for each in (beside, exhibit) if each for path in paths(each, [key]))


@cache
def _digest(module: str) -> str:
    """Return the digest of a module's code; cached, since many items share it."""
    return code_of(module).digest[:_SHORT]


def _titled(title: str, key: Key) -> str:
    return f"{title}: {' / '.join(key)}" if key else title


def _anchor(*parts: str) -> str:
    return "-".join(part.replace(".", "-").replace("_", "-") for part in parts)


def _name(run: RunRecord) -> str:
    return f"{run.experiment}/{run.model}/lr={run.lr}/seed={run.seed}"
