"""Training loss and test accuracy at each learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import offset_copy

from pj2.exhibits import style
from pj2.exhibits.cautions import cautions, hardly_learned
from pj2.exhibits.learning_rates.numbers import (
    DIVERGED,
    LEARNED,
    STALLED,
    Guess,
    Outcome,
    guessing,
    mean_if_all_learned,
    outcomes,
    step_counts,
    what_a_line_joins,
)
from pj2.language import tr
from pj2.runs.reading import PathLike, load_runs

_MARKS: Mapping[str, Mapping[str, Any]] = {
    LEARNED: {"marker": "o", "markersize": 4},
    STALLED: {"marker": "v", "markersize": 6, "markerfacecolor": "white"},
    DIVERGED: {"marker": "X", "markersize": 7, "markeredgecolor": style.INK},
}
_GUESSING: Mapping[str, Any] = {"color": style.MUTED, "linewidth": 1.0, "linestyle": (0, (4, 2))}
_LETTER = 0.046  # of an axis: the width of a letter
_PAD = 9  # points below a title, where crosses may stand on the panel's edge
_BESIDE = 8  # points between the crosses of two models at one rate
_ROOM = 0.15  # share of the rates' range, beyond the least and the greatest


@style.styled
def plot_learning_rates(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw training loss after some numbers of steps, and test accuracy, over learning rates.

    Each run is a point whose mark shows whether it learned; a run that diverged before it had a
    value stands on the panel's edge. A line joins a model's means over seeds, with a gap at a
    rate at which a run did not learn. A dashed line is the level of guessing.
    """
    runs = load_runs(index_paths)
    found = outcomes(runs)
    counts, window = step_counts(runs)
    colours = style.colours(run.model for run in runs)
    guess = guessing(runs)
    handles = _handles(found, colours)
    columns = min(len(handles), style.columns_that_fit(handles, letter=0.066, margin=0.55))
    figure = style.new_figure(3.4 + 0.18 * -(-len(handles) // columns))
    *losses, accuracy = figure.subplots(1, len(counts) + 1, sharex=True)
    for axes in losses[1:]:
        axes.sharey(losses[0])
        axes.tick_params(labelleft=False)
    for axes, n in zip(losses, counts, strict=True):
        _draw(axes, [(each, each.losses[n]) for each in found], colours, guess.loss, above=True)
        axes.set_title(tr("after {n:,} steps", n=n), pad=_PAD)
    for axes in losses:
        style.log_scale(axes)
    percent = [(each, 100 * each.accuracy) for each in found]
    level = 100 * guess.accuracy
    _draw(accuracy, percent, colours, level, above=False)
    accuracy.set_title(tr("at the chosen epoch"), pad=_PAD)
    losses[0].set_ylabel(tr("training loss (nats)"))
    accuracy.set_ylabel(tr("test accuracy (%)"))
    _name_rates(accuracy, sorted({run.lr for run in runs}, key=float))
    for axes in figure.axes:
        axes.set_xlabel(tr("learning rate"))
    style.heading(figure, tr("Loss and accuracy at each learning rate"), handles, columns)
    style.note(figure, *_small_print(found, window, guess))
    style.save(figure, stem)


def _draw(
    axes: Axes,
    values: Sequence[tuple[Outcome, float]],
    colours: Mapping[str, str],
    level: float | None,
    above: bool,
) -> None:
    """Draw every run and each model's line; `above`: diverged runs stand on the upper edge."""
    for rank, (model, colour) in enumerate(colours.items()):
        rates: dict[float, list[tuple[str, float]]] = {}
        for outcome, value in values:
            if outcome.run.model == model:
                rates.setdefault(outcome.run.learning_rate, []).append((outcome.state, value))
        ordered = sorted(rates)
        axes.plot(
            ordered, [mean_if_all_learned(rates[rate]).mean for rate in ordered], color=colour
        )
        for rate, seeds in rates.items():
            for state, value in seeds:
                if math.isfinite(value):
                    axes.plot(rate, value, color=colour, **_MARKS[state], zorder=3)
            lost = sum(math.isnan(value) for _, value in seeds)
            if lost:
                shift = _BESIDE * (rank - (len(colours) - 1) / 2)
                _mark_on_edge(axes, rate, shift, above, lost).set_color(colour)
    if level is not None:
        axes.axhline(level, **_GUESSING)


def _mark_on_edge(axes: Axes, rate: float, shift: float, above: bool, seeds: int) -> Line2D:
    """Put a cross for runs without a value, `shift` points aside, with their number."""
    place = axes.get_xaxis_transform()
    moved = offset_copy(place, axes.get_figure(root=True), x=shift, units="points")
    (cross,) = axes.plot(
        rate, float(above), **_MARKS[DIVERGED], transform=moved, clip_on=False, zorder=3
    )
    if seeds > 1:
        axes.annotate(
            str(seeds), (rate, float(above)), xycoords=place, fontsize=7, ha="center", va="center",
            xytext=(shift, -10 if above else 10), textcoords="offset points",
        )  # fmt: skip
    return cross


def _name_rates(axes: Axes, rates: Sequence[str]) -> None:
    """Put ticks at the rates that were tried, and label those that have room."""
    places = [math.log10(float(rate)) for rate in rates]
    span = max(places[-1] - places[0], 0.5)
    low, high = places[0] - _ROOM * span, places[-1] + _ROOM * span
    names: list[str] = []
    end = -math.inf
    for place, rate in zip(places, rates, strict=True):
        reach = _LETTER * (high - low) * (len(rate) + 1) / 2
        fits = place - reach >= end
        names.append(rate if fits else "")
        end = place + reach if fits else end
    axes.set_xscale("log")
    axes.set_xlim(10**low, 10**high)
    axes.xaxis.set_major_locator(FixedLocator([float(rate) for rate in rates]))
    axes.xaxis.set_major_formatter(FixedFormatter(names))
    axes.xaxis.set_minor_locator(NullLocator())


def _handles(found: Sequence[Outcome], colours: Mapping[str, str]) -> list[Line2D]:
    """Return the legend's handles: models, marks of runs that did not learn, and guessing."""
    handles = style.model_handles(colours, marker="o", markersize=4)
    for state in (STALLED, DIVERGED):
        if any(each.state == state for each in found):
            look = {"color": style.MUTED, "linestyle": "", **_MARKS[state]}
            handles.append(Line2D([], [], label=tr(state), **look))
    return [*handles, Line2D([], [], label=tr("guessing"), **_GUESSING)]


def _small_print(found: Sequence[Outcome], window: int, guess: Guess) -> list[str]:
    runs = [each.run for each in found]
    return [
        tr(
            "A point is a run: its training loss (mean of the last {n:,} steps) or its test "
            "accuracy.",
            n=window,
        ),
        what_a_line_joins(runs),
        tr("On the edge: diverged before; a number counts seeds.")
        if any(math.isnan(value) for each in found for value in each.losses.values())
        else "",
        hardly_learned([each.run for each in found if each.state == STALLED], runs),
        cautions(runs),
    ]
