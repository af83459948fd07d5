"""The sections of the page, in their order: what each shows of a study, and how it was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pj2.exhibits.confusion.chart import confusion_chart
from pj2.exhibits.curves.chart import accuracy_curves, loss_curves
from pj2.exhibits.efficiency.chart import efficiency_chart
from pj2.exhibits.landscape.chart import landscape_chart
from pj2.exhibits.vega import Chart
from pj2.fingerprint.code import code_of
from pj2.language import tr
from pj2.report.contents import Key, Shown
from pj2.report.images import Picture, embed
from pj2.report.tables import Table, read_table
from pj2.runs.reading import RunRecord, by_model, chosen_setting

_PICTURES = 60  # of one kind inside the page; further ones are named with their files
_LINES = 100  # runs in a chart of curves; of more, each model has those of one learning rate
_SHORT = 12  # letters of a digest


@dataclass(frozen=True)
class Made:
    """How something was made: a command, the runs that went in, and digests of data and code."""

    command: str
    runs: tuple[str, ...]
    data: str
    code: str


@dataclass(frozen=True)
class Item:
    """Something to look at: a chart, a picture or a table, with the files that hold it too."""

    anchor: str
    title: str
    made: Made
    chart: Chart | None = None
    picture: Picture | None = None
    table: Table | None = None
    files: tuple[str, ...] = ()
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, what to know before looking, and what there is to see."""

    anchor: str
    title: str
    text: str
    items: tuple[Item, ...]


def sections(shown: Shown) -> list[Section]:
    """Return the sections that have something to show."""
    maker = _Maker(shown)
    found = [
        Section(
            "comparison",
            tr("Comparison"),
            tr(
                "Every run, and every setting over its seeds. A heading sorts its column; "
                "intervals stand in brackets."
            ),
            (
                *maker.over_seeds(),
                *maker.tables("comparison", tr("All runs")),
                *maker.tables("pairwise", tr("Pairs of models")),
                *maker.pictures("differences", tr("Differences between models")),
                *maker.tables("factors", tr("Factors in numbers")),
                *maker.pictures("factors", tr("Factors")),
                *maker.efficiency(),
                *maker.tables("efficiency", tr("Costs and the Pareto front")),
                *maker.tables("published", tr("Beside the published report")),
            ),
        ),
        Section(
            "curves",
            tr("Curves"),
            tr(
                "Point at a line for its values. A point of the training loss is the mean of "
                "several steps, one of the training accuracy the mean of an epoch."
            ),
            tuple(maker.curves()),
        ),
        Section(
            "landscape",
            tr("Landscape"),
            tr(
                "At every step the least and the greatest training loss over learning rates: the "
                "narrower the band, the less the learning rate matters. The band is computed "
                "anew from the learning rates that you choose."
            ),
            (*maker.landscapes(), *maker.tables("landscape", tr("Widths of the bands"))),
        ),
        Section(
            "geometry",
            tr("Probes and surfaces"),
            tr(
                "The loss along the step and around trained weights, where the config asks for "
                "it (probe, surface, curvature)."
            ),
            (
                *maker.pictures("gradient_probes", tr("Along the step")),
                *maker.tables("probe_ratios", tr("Ratios between models")),
                *maker.pictures("covariate_shift", tr("Internal covariate shift")),
                *maker.pictures("loss_surfaces", tr("Loss surfaces"), ("html",)),
                *maker.pictures("loss_lines", tr("Loss along a line")),
                *maker.pictures("curvature", tr("Curvature")),
                *maker.tables("curvature", tr("Curvature in numbers")),
            ),
        ),
        Section(
            "confusion",
            tr("Confusion"),
            tr("Each model at the learning rate that validation chose; counts: means over seeds."),
            (*maker.confusion(), *maker.tables("confused_pairs", tr("Most confused pairs"))),
        ),
        Section(
            "calibration",
            tr("Calibration"),
            tr("How far a model's probabilities can be trusted."),
            (
                *maker.pictures("reliability", tr("Reliability")),
                *maker.tables("calibration", tr("Calibration in numbers")),
            ),
        ),
        Section(
            "mistakes",
            tr("Mistakes"),
            tr("Test images that a model was surest of, and wrong about."),
            tuple(maker.pictures("mistakes", tr("Most confident mistakes"))),
        ),
        Section(
            "filters",
            tr("Filters"),
            tr("The weights of the first convolution, as pictures."),
            tuple(maker.pictures("filter_grids", tr("First-layer filters"))),
        ),
    ]
    return [section for section in found if section.items]


# What draws the pictures and writes the tables: its source is part of how they were made.
_MODULES = {
    "summary": "pj2.exhibits.comparison.summary",
    "published": "pj2.exhibits.claims.table",
    "filter_grids": "pj2.exhibits.filters.figure",
    "mistakes": "pj2.exhibits.mistakes.figure",
    "reliability": "pj2.exhibits.calibration.figure",
    "differences": "pj2.exhibits.pairwise.figure",
    "gradient_probes": "pj2.exhibits.probes.figure",
    "covariate_shift": "pj2.exhibits.probes.covariate_shift",
    "loss_surfaces": "pj2.exhibits.surfaces.figure",
    "loss_lines": "pj2.exhibits.surfaces.figure",
    "confused_pairs": "pj2.exhibits.confusion.table",
    "probe_ratios": "pj2.exhibits.probes.table",
}


class _Maker:
    """Makes the items of a study, each with the files, runs and code behind it."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def tables(self, kind: str, title: str) -> Iterator[Item]:
        contents = self._shown.contents
        for key in contents.tables.get(kind, []):
            path = contents.table(kind, key)
            table = read_table(path)
            if not table.rows:
                continue
            module = _MODULES.get(kind, f"pj2.exhibits.{kind}.table")
            yield Item(
                _anchor("table", kind, *key),
                _titled(title, key),
                self._made(path, key, module),
                table=table,
                files=self._files(path, ("csv", "md", "tex", "html")),
            )

    def over_seeds(self) -> Iterator[Item]:
        """The table of means; of one seed it would say again what the table of runs does."""
        if len({run.seed for run in self._shown.runs}) > 1:
            yield from self.tables("summary", tr("Over seeds"))

    def pictures(self, kind: str, title: str, also: Sequence[str] = ()) -> Iterator[Item]:
        contents = self._shown.contents
        for place, key in enumerate(contents.figures.get(kind, [])):
            path = contents.figure(kind, key)
            module = _MODULES.get(kind, f"pj2.exhibits.{kind}.figure")
            yield Item(
                _anchor("figure", kind, *key),
                _titled(title, key),
                self._made(path, key, module),
                picture=embed(path) if place < _PICTURES else None,
                files=self._files(path, (*also, "png", "svg")),
            )

    def curves(self) -> Iterator[Item]:
        for key in self._shown.contents.figures.get("training_curves", []):
            runs, caption = self._shown.of(key), ""
            if len(runs) > _LINES:
                caption = tr(
                    "Of {n:,} runs those are drawn whose learning rate validation chose.",
                    n=len(runs),
                )
                runs = [run for group in by_model(runs).values() for run in chosen_setting(group)]
            for chart in (
                loss_curves(_anchor("loss", *key), runs),
                accuracy_curves(_anchor("accuracy", *key), runs),
            ):
                yield replace(self._charted(chart, "training_curves", key), caption=caption)

    def landscapes(self) -> Iterator[Item]:
        for key in self._shown.contents.figures.get("landscape", []):
            chart = landscape_chart(_anchor("band", *key), self._shown.of(key))
            yield self._charted(chart, "landscape", key)

    def confusion(self) -> Iterator[Item]:
        keys = self._shown.contents.figures.get("confusion_matrices", [])
        chart = confusion_chart("confusion-matrix", self._shown.runs) if keys else None
        if chart:
            yield self._charted(chart, "confusion_matrices", ())

    def efficiency(self) -> Iterator[Item]:
        keys = self._shown.contents.figures.get("efficiency", [])
        chart = efficiency_chart("efficiency", self._shown.runs) if keys else None
        if chart:
            yield self._charted(chart, "efficiency", ())

    def _charted(self, chart: Chart, kind: str, key: Key) -> Item:
        """Return a chart with the files of the figures that show the same, if it is one."""
        contents = self._shown.contents
        keys = contents.figures[kind]
        paths = [contents.figure(kind, each) for each in keys if each[: len(key)] == key]
        return Item(
            f"chart-{chart.name}",
            _titled(chart.title, key),
            self._made(paths[0], key, "pj2.exhibits.curves.chart"),
            chart=chart,
            files=self._files(paths[0], ("png", "svg")) if len(paths) == 1 else (),
        )

    def _made(self, path: Path, key: Key, module: str) -> Made:
        runs = self._shown.of(key)
        return Made(
            self._shown.contents.command(path),
            tuple(f"{_name(run)}: {run.info['fingerprint'][:_SHORT]}" for run in runs),
            ", ".join(dict.fromkeys(run.info["data"]["hash"][:_SHORT] for run in runs)),
            f"{module} {_digest(module)}",
        )

    def _files(self, path: Path, endings: Sequence[str]) -> tuple[str, ...]:
        """Return the paths of the files beside one, from the page's own folder."""
        stem = path.relative_to(self._shown.contents.results)
        return tuple(stem.with_name(f"{path.stem}.{ending}").as_posix() for ending in endings)


@cache
def _digest(module: str) -> str:
    """Return the digest of a module's code, which many items share."""
    return code_of(module).digest[:_SHORT]


def _titled(title: str, key: Key) -> str:
    return f"{title}: {' / '.join(key)}" if key else title


def _anchor(*parts: str) -> str:
    return "-".join(part.replace(".", "-").replace("_", "-") for part in parts)


def _name(run: RunRecord) -> str:
    return f"{run.experiment}/{run.model}/lr={run.lr}/seed={run.seed}"
