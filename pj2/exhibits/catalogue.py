"""The catalogue of all figures and tables; each folder here declares its own as ``TOPIC``."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import pj2.exhibits
from pj2.exhibits.declare import Exhibit, Level, Topic
from pj2.language import said

if TYPE_CHECKING:
    from pj2.config.schema import StudyConfig
    from pj2.config.study import Run

Key = tuple[str, ...]  # (experiment, model), (experiment,), or () of the whole study

# The sections of the page, in their order: a title, and a text for the reader.
SECTIONS: dict[str, tuple[str, str]] = {
    "comparison": (
        said("Comparison"),
        said(
            "Every run, and every setting over its seeds. A heading sorts its column; "
            "intervals stand in brackets."
        ),
    ),
    "landscape": (
        said("Landscape"),
        said(
            "Loss and accuracy at each learning rate, and at every step the band between the least "
            "and the greatest training loss over the rates that you choose. A narrow band means "
            "that the learning rate matters little."
        ),
    ),
    "curves": (
        said("Curves"),
        said(
            "Point at a line for its values. Each point of the training loss is a mean over "
            "several steps, each point of the training accuracy a mean over one epoch."
        ),
    ),
    "geometry": (
        said("Probes and surfaces"),
        said(
            "The loss along the step and around trained weights, for experiments with the config "
            "sections probe, surface or curvature."
        ),
    ),
    "confusion": (
        said("Confusion"),
        said("Each model at its chosen learning rate; counts: means over seeds."),
    ),
    "calibration": (
        said("Calibration"),
        said("How well a model's probabilities match its accuracy."),
    ),
    "mistakes": (
        said("Mistakes"),
        said("Test images that a model misclassified with the greatest confidence."),
    ),
    "filters": (
        said("Filters"),
        said("The weights of the first convolution, as pictures."),
    ),
}


@cache
def topics() -> tuple[Topic, ...]:
    """Return the topics that the folders beside this file declare, in the order of the page."""
    folders = pkgutil.iter_modules(pj2.exhibits.__path__, "pj2.exhibits.")
    declared: list[Topic] = [import_module(each.name).TOPIC for each in folders if each.ispkg]
    order = list(SECTIONS)
    return tuple(sorted(declared, key=lambda topic: (order.index(topic.section), topic.place)))


def exhibits(kind: str | None = None) -> dict[str, Exhibit]:
    """Return the exhibits of a kind by name; without a kind all exhibits, as ``kind name``."""
    return {
        each.name if kind else f"{each.kind} {each.name}": each
        for topic in topics()
        for each in topic.exhibits
        if kind in (None, each.kind)
    }


def section_of(exhibit: Exhibit) -> str:
    """Return the name of the exhibit's section."""
    return next(topic.section for topic in topics() if exhibit in topic.exhibits)


def targets() -> dict[str, list[Exhibit]]:
    """Return the targets of the pipeline, each with the exhibits that it makes."""
    made: dict[str, list[Exhibit]] = {}
    for exhibit in exhibits().values():
        for target in exhibit.targets:
            made.setdefault(target, []).append(exhibit)
    return made


def keys(exhibit: Exhibit, level: Level, study: StudyConfig, runs: Iterable[Run]) -> list[Key]:
    """Return the keys of an exhibit's files at a level, in the order of the config."""
    if exhibit.datasets and study.dataset.name not in exhibit.datasets:
        return []
    if level == "study":
        return [()]
    chosen: list[Key] = []
    for name, own in _by_experiment(runs).items():
        if exhibit.exists(study.experiments[name], own):
            models = dict.fromkeys(run.model for run in own)
            chosen += [(name,)] if level == "experiment" else [(name, model) for model in models]
    return chosen


def paths(exhibit: Exhibit, chosen: Iterable[Key], *endings: str) -> Iterator[str]:
    """Yield an exhibit's files for some keys, below ``results/<study>``; all endings by default."""
    for key in chosen:
        stem = "/".join([exhibit.folder, exhibit.name, *key])
        yield from (f"{stem}.{ending}" for ending in endings or exhibit.endings)


def on_page(study: StudyConfig, runs: Sequence[Run]) -> dict[str, dict[str, list[Key]]]:
    """Return what the page of a study shows: the keys of the files, by kind and name."""
    own = _by_experiment(runs)
    page: dict[str, dict[str, list[Key]]] = {}
    for exhibit in exhibits().values():
        shown = [e for e in own if exhibit.on_page(study.experiments[e], own[e])]
        chosen = keys(exhibit, exhibit.levels[0], study, runs)
        chosen = [key for key in chosen if (key[0] in shown if key else shown)]
        page.setdefault(exhibit.kind, {})[exhibit.name] = chosen
    return page


def _by_experiment(runs: Iterable[Run]) -> Mapping[str, list[Run]]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.experiment, []).append(run)
    return groups
