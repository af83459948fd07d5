"""How a topic declares its figures and tables, without importing the code that draws them.

The pipeline's rules and targets, the commands of ``pj2 figure`` and ``pj2 table``, the page, the
captions of ``snakemake --report``, the published bundle and the list in the documentation all
follow from these declarations; see `pj2.exhibits.catalogue`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from pj2.config.schema import Experiment
    from pj2.config.study import Run
    from pj2.exhibits.vega import Chart
    from pj2.runs.reading import RunRecord

    Predicate = Callable[[Experiment, Sequence[Run]], bool]

Level = Literal["study", "experiment", "model"]


@dataclass(frozen=True)
class Option:
    """An input beside the runs: an option of the command, an input of the rule."""

    name: str
    help: str
    example: str
    many: bool = False


IMAGES = Option("data", "Folder that `pj2 prepare` wrote.", "results/data/cifar10-sample-b528cc08")
BAND = Option(
    "band", "The file that `pj2 band` wrote.", "results/default/landscape/landscape.parquet"
)
CLAIMS = Option(
    "claims", "The published figures: workflow/published.yaml.", "workflow/published.yaml"
)
INTERPOLATIONS = Option(
    "between",
    "Files that `pj2 geometry interpolation` wrote.",
    "results/default/geometry/*/model=VGG_A/interpolation.parquet",
    many=True,
)


def always(experiment: Experiment, runs: Sequence[Run]) -> bool:
    """Hold for every experiment."""
    return True


def never(experiment: Experiment, runs: Sequence[Run]) -> bool:
    """Of none."""
    return False


def asks_for(section: str) -> Predicate:
    """Return the predicate of experiments whose config has a section such as ``probe``."""

    def asked(experiment: Experiment, runs: Sequence[Run]) -> bool:
        return bool(getattr(experiment, section))

    return asked


def several_models(experiment: Experiment, runs: Sequence[Run]) -> bool:
    """Hold for experiments with several models, or variants of one."""
    return len({run.model for run in runs}) > 1


def several_rates(experiment: Experiment, runs: Sequence[Run]) -> bool:
    """Hold for experiments that train a model at several learning rates."""
    rates = {(run.model, run.settings.learning_rate) for run in runs}
    return len(rates) > len({run.model for run in runs})


def several_seeds(experiment: Experiment, runs: Sequence[Run]) -> bool:
    """Hold for experiments with several seeds."""
    return len({run.settings.seed for run in runs}) > 1


def _imported(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), attribute)
    return function


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A figure, view or table made from finished runs.

    Args:
        name: of its folder below ``results/<study>``, or of its file if it has only one.
        function: the function that makes it, as ``module:name``; see `made_by`.
        title: its heading on the page, marked with `pj2.language.said`.
        summary: one sentence: the first of its help and of its caption.
        details: further sentences of its caption.
        levels: whether the study, each experiment or each model of an experiment has one;
            the page shows those of the first level.
        measured: the file below ``geometry`` that it shows of each model, in place of runs.
        options: its further inputs.
        exists: the predicate of experiments for which it is made.
        datasets: the names of the data sets that it is about; empty if it is about any.
        on_page: the predicate of experiments for which the page shows it; one suffices for a
            study.
        targets: the targets of the pipeline that make it.
        example: the study and the experiment in the example of its help.
    """

    kind: ClassVar[str]
    folder: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]
    shown: ClassVar[str]  # the ending of the file that `snakemake --report` and the page show

    name: str
    function: str
    title: str
    summary: str
    details: str = ""
    levels: tuple[Level, ...] = ("experiment",)
    measured: str = ""
    options: tuple[Option, ...] = ()
    exists: Predicate = always
    datasets: tuple[str, ...] = ()
    on_page: Predicate = always
    targets: tuple[str, ...] = ()
    example: str = "default/landscape"

    @property
    def module(self) -> str:
        """The module of the code that makes it."""
        return self.function.partition(":")[0]

    @property
    def command(self) -> str:
        """The name of its command."""
        return self.name.replace("_", "-")

    @property
    def caption(self) -> str:
        """Its caption: the summary and the details."""
        return f"{self.summary} {self.details}".strip()

    def made_by(self) -> Callable[..., Any]:
        """Import and return its function.

        The function takes the paths of the files to show, then those of its options, each in
        their order; a figure's function also takes the output path without an ending.
        """
        return _imported(self.function)


@dataclass(frozen=True, kw_only=True)
class Figure(Exhibit):
    """A picture; if it has charts, the page shows them instead.

    ``chart`` names a function that takes runs and returns charts, as ``module:name``;
    ``chart_level`` says whose runs each call takes.
    """

    kind: ClassVar[str] = "figure"
    folder: ClassVar[str] = "figures"
    endings: ClassVar[tuple[str, ...]] = ("png", "svg")
    shown: ClassVar[str] = "png"

    chart: str = ""
    chart_level: Level = "experiment"

    def charts_of(self, runs: Sequence[RunRecord]) -> list[Chart] | None:
        """Return the charts of some runs; None if they are too many for a chart."""
        charts: list[Chart] | None = _imported(self.chart)(runs)
        return charts


@dataclass(frozen=True, kw_only=True)
class View(Exhibit):
    """A page of its own with a figure to turn with the mouse, named like the figure."""

    kind: ClassVar[str] = "view"
    folder: ClassVar[str] = "figures"
    endings: ClassVar[tuple[str, ...]] = ("html",)
    shown: ClassVar[str] = "html"

    on_page: Predicate = never


@dataclass(frozen=True, kw_only=True)
class Table(Exhibit):
    """A table; its function returns a `pj2.exhibits.format.Table`."""

    kind: ClassVar[str] = "table"
    folder: ClassVar[str] = "tables"
    endings: ClassVar[tuple[str, ...]] = ("csv", "md", "tex", "html", "json")
    shown: ClassVar[str] = "html"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """The exhibits of a folder, in their order, and their place on the page.

    ``section`` is a key of `pj2.exhibits.catalogue.SECTIONS`; within a section, topics are
    ordered by ``place``.
    """

    section: str
    place: int = 0
    exhibits: tuple[Exhibit, ...]
