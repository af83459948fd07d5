"""Reliability diagrams: accuracy against confidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pj2.exhibits import letters, style
from pj2.exhibits.calibration.numbers import BINS, Calibration, calibration, note_losses
from pj2.exhibits.cautions import cautions, diverged_runs
from pj2.exhibits.format import MISSING, mean_sd
from pj2.exhibits.tested import ModelOnTest, models_on_test
from pj2.language import tr
from pj2.runs.reading import (
    PathLike,
    RunRecord,
    choosing_accuracy,
    choosing_in_words,
    load_runs,
    seeds_in_words,
)
from pj2.statistics import mean_interval
from pj2.wording import named, never_finished

_MOST = 9  # panels: more would not be legible on one page
_WIDTHS = {1: 4.6, 2: 5.8, 3: style.WIDTH}  # inches, by the number of columns
_LETTERS = {1: 50, 2: 32, 3: 27}  # in a line of a title, by the number of columns
_INCHES = 0.008  # of height for one letter of small print, in a figure one inch wide
_PERFECT: Mapping[str, Any] = {"color": "#9A9A9A", "linestyle": (0, (4, 2)), "linewidth": 0.9}
_SEED: Mapping[str, Any] = {
    "linestyle": "", "marker": "o", "markersize": 3.2, "alpha": 0.3, "markeredgewidth": 0,
}  # fmt: skip
_UPPER_LEFT: Mapping[str, Any] = {"x": 0.03, "y": 0.96, "ha": "left", "va": "top"}
_LOWER_RIGHT: Mapping[str, Any] = {"x": 0.97, "y": 0.04, "ha": "right", "va": "bottom"}
_POOLED: Mapping[str, Any] = {"marker": "o", "markersize": 4.0, "linewidth": 1.0}


@dataclass(frozen=True)
class _Panel:
    """A model's runs, one per seed, with the calibration of each run and of all runs pooled."""

    name: str
    chosen: tuple[RunRecord, ...]
    runs: tuple[RunRecord, ...]
    each: tuple[Calibration, ...]
    pooled: Calibration

    @property
    def model(self) -> str:
        return self.runs[0].model


@style.styled
def plot_reliability(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw accuracy against confidence on the test set in 15 bins, one panel per model.

    Each model is shown at its chosen learning rate, see `runs.reading.chosen_setting`: single
    seeds in pale colour, the images of all seeds pooled in full colour, and below them the share
    of images in each bin. If there are more than nine models, the figure shows the nine with the
    best mean validation accuracy.
    """
    runs = load_runs(index_paths)
    models = list(models_on_test(runs))
    trained = [model for model in models if model.runs]
    absent = [model.name for model in models if not model.runs]
    if not trained:
        style.save_placeholder(tr("{model}: no run finished an epoch", model=named(absent)), stem)
        return
    panels = [_measure(model) for model in _best(trained)]
    columns = min(max(_WIDTHS), len(panels))
    rows = -(-len(panels) // columns)
    several = max(len(panel.each) for panel in panels) > 1
    small = _small_print(panels, choosing_in_words(runs), len(trained), several, absent)
    width = _WIDTHS[columns]
    figure = style.new_figure(0.8 + 2.6 * rows + _INCHES * letters.width(small) / width, width)
    # Each row of models takes two rows of axes: points above, low bars of shares below.
    grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=(3.4, 1) * rows)
    colours = style.colours(panel.model for panel in panels)
    top = max(1.0, *(100 * float(panel.pooled.bins.share.max()) for panel in panels))
    for place in range(rows * columns):
        row, column = divmod(place, columns)
        points, shares = grid[2 * row : 2 * row + 2, column]
        if place >= len(panels):
            points.remove()
            shares.remove()
            continue
        _set_axes(points, shares, column == 0, place + columns >= len(panels), top)
        points.set_title(**_title(panels[place].name, _LETTERS[columns]), loc="left")
        _draw(points, shares, panels[place], colours[panels[place].model])
    handles = _handles(several)
    style.heading(figure, tr("Reliability on the test set"), handles)
    style.note(figure, small)
    style.save(figure, stem)


def _best(trained: Sequence[ModelOnTest]) -> list[ModelOnTest]:
    """Return the models to show, in their original order."""

    def mean(model: ModelOnTest) -> float:
        each = [choosing_accuracy(run) for run in model.runs]
        return float(np.mean([accuracy for accuracy in each if accuracy is not None]))

    chosen = [model.name for model in sorted(trained, key=mean, reverse=True)[:_MOST]]
    return [model for model in trained if model.name in chosen]


def _measure(model: ModelOnTest) -> _Panel:
    each = tuple(calibration([guesses]) for guesses in model.predictions)
    return _Panel(model.name, model.chosen, model.runs, each, calibration(model.predictions))


def _set_axes(points: Axes, shares: Axes, leftmost: bool, lowest: bool, top: float) -> None:
    """Set the limits of a panel's axes, and label the outer panels only."""
    ticks = range(0, 101, 25)
    points.set(xlim=(0, 100), ylim=(0, 100), xticks=ticks, yticks=ticks)
    shares.set(xlim=(0, 100), ylim=(0, 1.08 * top), xticks=ticks)
    shares.locator_params(axis="y", nbins=2)
    points.tick_params(labelbottom=False, labelleft=leftmost)
    shares.tick_params(labelbottom=lowest, labelleft=leftmost)
    if leftmost:
        points.set_ylabel(tr("accuracy (%)"))
        shares.set_ylabel(tr("images\n(%)"))
    if lowest:
        shares.set_xlabel(tr("confidence (%)"))


def _draw(points: Axes, shares: Axes, panel: _Panel, colour: str) -> None:
    points.plot([0, 100], [0, 100], **_PERFECT)
    for bins in (seed.bins for seed in panel.each if len(panel.each) > 1):
        points.plot(100 * bins.confidence, 100 * bins.accuracy, color=colour, **_SEED)
    bins = panel.pooled.bins
    filled = bins.count > 0  # the line goes on across an empty bin
    x, y = 100 * bins.confidence[filled], 100 * bins.accuracy[filled]
    if len(x):  # an empty line outside the clip would upset the layout
        points.plot(x, y, color=colour, clip_on=False, zorder=3, **_POOLED)
    shares.stairs(100 * bins.share, 100 * bins.edges, fill=True, color=colour, alpha=0.45)
    place = _LOWER_RIGHT if _crowded(panel) else _UPPER_LEFT
    points.text(s=_numbers(panel.each), transform=points.transAxes, fontsize=7.5, **place)


def _crowded(panel: _Panel) -> bool:
    """Tell whether more points lie in the upper left corner than in the lower right.

    This is so if a model is underconfident; its numbers then go to the lower right.
    """
    drawn = [measured.bins for measured in (panel.pooled, *panel.each)]
    x = np.concatenate([bins.confidence for bins in drawn])
    y = np.concatenate([bins.accuracy for bins in drawn])
    return int(((x < 0.7) & (y > 0.7)).sum()) > int(((x > 0.3) & (y < 0.3)).sum())


def _numbers(each: Sequence[Calibration]) -> str:
    """Return ECE and NLL of one seed, or their mean ± standard deviation over several."""
    ece = mean_sd(mean_interval([seed.ece for seed in each]), scale=100)
    nll = mean_sd(mean_interval([seed.nll for seed in each]), digits=3)
    return f"ECE {ece}{'' if ece == MISSING else ' %'}\nNLL {nll}"


def _title(name: str, letters: int) -> dict[str, Any]:
    """Return a title that fits: broken after the experiment or before factors, or smaller."""
    lines = [""]
    for part in re.split(r"(?<=/)|(?=\.[A-Za-z]\w*-)", name):
        if lines[-1] and len(lines[-1] + part) > letters:
            lines.append(part)
        else:
            lines[-1] += part
    size = 8.5 * min(1.0, letters / max(map(len, lines)))
    return {"label": "\n".join(lines), "fontsize": size}


def _handles(several: bool) -> list[Line2D]:
    pooled = tr("all seeds") if several else tr("the model")
    handles = [Line2D([], [], color=style.INK, label=pooled, **_POOLED)]
    if several:
        handles.append(Line2D([], [], color=style.INK, label=tr("one seed"), **_SEED))
    return [*handles, Line2D([], [], label=tr("perfect calibration"), **_PERFECT)]


def _small_print(
    panels: Sequence[_Panel], choosing: str, trained: int, several: bool, absent: Sequence[str]
) -> str:
    settings: dict[str, list[str]] = {}
    for panel in panels:
        setting = tr("lr {lr}, {seeds}", lr=panel.runs[0].lr, seeds=seeds_in_words(panel.runs))
        settings.setdefault(setting, []).append(panel.name)
    shown = [run for panel in panels for run in panel.runs]
    told = [setting + tr(": ") + tr(", ").join(names) for setting, names in settings.items()]
    sentences = [
        tr(
            "Points: mean confidence (the greatest probability) and accuracy in {bins} bins; below "
            "the diagonal the model is overconfident. Small panels: share of images. ECE: mean "
            "distance between confidence and accuracy. NLL: negative log-likelihood in nats.",
            bins=BINS,
        ),
        tr("Both: mean ± standard deviation over seeds.") if several else "",
        tr(
            "Learning rates with the best mean {accuracy}: {settings}.",
            accuracy=choosing,
            settings=tr("; ").join(told) if len(told) > 1 else next(iter(settings)),
        ),
        tr(
            "The {n} of {all} models with the best {accuracy} are shown.",
            accuracy=choosing,
            n=len(panels),
            all=trained,
        )
        if trained > len(panels)
        else "",
        note_losses({panel.name: panel.runs[0] for panel in panels}),
        diverged_runs(run for panel in panels for run in panel.chosen),
        cautions(shown),
        never_finished(absent),
    ]
    return " ".join(filter(None, sentences))
