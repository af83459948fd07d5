"""The figure of test accuracy against cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter

from pj2.exhibits import style
from pj2.exhibits.cautions import cautions, diverged_runs
from pj2.exhibits.efficiency.numbers import COSTS, Efficiency, efficiencies, fronts, note_conditions
from pj2.language import tr
from pj2.runs.reading import PathLike, load_runs
from pj2.wording import named, never_finished

_MARKERS = {  # and sizes in points that make them look equally large
    "o": 6.0, "s": 5.5, "^": 6.8, "D": 5.4, "v": 6.8, "P": 7.2, "<": 6.8, ">": 6.8, "*": 9.5,
    "p": 7.0, "h": 7.0, "d": 7.0,
}  # fmt: skip
_FRONT: Mapping[str, Any] = {"color": "#9A9A9A", "linewidth": 1.0, "drawstyle": "steps-post"}
_POINT: Mapping[str, Any] = {
    "markeredgecolor": "white", "markeredgewidth": 0.5, "linestyle": "",
}  # fmt: skip
_NARROWEST = 6.0  # ratio of an axis's ends, so that it has two or three ticks
_TICKS = 4


@style.styled
def plot_efficiency(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw test accuracy against parameters, MACs and training seconds, on logarithmic axes.

    A point is a model at its chosen learning rate, see `runs.reading.chosen_setting`: the mean
    over its seeds with their standard deviation, or one seed with its 95 % Wilson interval. Steps
    join the Pareto front, the models that no other dominates.
    """
    models, absent = efficiencies(load_runs(index_paths))
    if not models:
        style.save_placeholder(tr("{model}: no run finished an epoch", model=named(absent)), stem)
        return
    looks = _looks(models)
    handles = [
        *(Line2D([], [], label=m.name, **look) for m, look in zip(models, looks, strict=True)),
        Line2D([], [], label=tr("Pareto front"), **_FRONT),
    ]
    columns = min(len(handles), style.columns_that_fit(handles, letter=0.066, margin=0.55))
    figure = style.new_figure(3.3 + 0.18 * -(-len(handles) // columns))
    on_front = fronts(models)
    labels = {
        "parameters": tr("parameters"),
        "macs": tr("MACs an image"),
        "seconds": tr("training seconds"),
    }
    for axes, name in zip(figure.subplots(1, len(COSTS), sharey=True), COSTS, strict=True):
        _draw(axes, name, models, looks, on_front[name])
        axes.set_xlabel(labels[name])
        if name == COSTS[0]:
            axes.set_ylabel(tr("test accuracy (%)"))
    style.heading(figure, tr("Test accuracy and its cost"), handles, columns)
    style.note(figure, *_small_print(models, absent))
    style.save(figure, stem)


def _looks(models: Sequence[Efficiency]) -> list[Mapping[str, Any]]:
    """Return a unique colour and marker for each model.

    Variants of a model share its colour in shades; the marker distinguishes them.
    """
    colours = style.colours(model.own_name for model in models)
    taken: set[tuple[str, str]] = set()
    looks: list[Mapping[str, Any]] = []
    for model in models:
        family = model.own_name.partition(".")[0]
        mark = next((free for free in _MARKERS if (family, free) not in taken), "o")
        taken.add((family, mark))
        size = _MARKERS[mark]
        looks.append(
            {"color": colours[model.own_name], "marker": mark, "markersize": size, **_POINT}
        )
    return looks


def _draw(
    axes: Axes,
    name: str,
    models: Sequence[Efficiency],
    looks: Sequence[Mapping[str, Any]],
    front: np.ndarray,
) -> None:
    costs = np.array([model.cost(name) for model in models])
    _set_cost_axis(axes, costs)
    steps = sorted(
        (cost, model.accuracy.mean)
        for cost, model, unbeaten in zip(costs, models, front, strict=True)
        if unbeaten
    )  # fmt: skip
    if steps:  # no greater cost beats the last model of the front either
        x, y = zip(*steps, (axes.get_xlim()[1], steps[-1][1]), strict=True)
        axes.plot(x, 100 * np.array(y), **_FRONT)
    for model, cost, look in zip(models, costs, looks, strict=True):
        accuracy = model.accuracy.mean
        low, high = model.spread
        axes.errorbar(
            cost, 100 * accuracy, yerr=[[100 * (accuracy - low)], [100 * (high - accuracy)]],
            elinewidth=0.9, capsize=2, **look,
        )  # fmt: skip


def _set_cost_axis(axes: Axes, costs: np.ndarray) -> None:
    """Make a logarithmic axis with room at both ends and few plain ticks."""
    low, high = max(float(costs.min()), 1e-3), max(float(costs.max()), 1e-3)
    room = max(1.35, np.sqrt(_NARROWEST * low / high))
    low, high = low / room, high * room
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(low, high)))
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _ticks(low: float, high: float) -> list[float]:
    """Return a few round numbers from `low` to `high`, spaced as evenly as possible."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= _TICKS:
            return ticks
    return ticks[:: -(-len(ticks) // _TICKS)]


def _short(value: float) -> str:
    """Write 1500000 as 1.5M, and so on."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _small_print(models: Sequence[Efficiency], absent: Sequence[str]) -> list[str]:
    several = sorted({model.accuracy.n for model in models if model.accuracy.n > 1})
    single = any(model.wilson for model in models)
    bars = []
    if several:
        seeds = tr(" or ").join(map(str, several))
        bars.append(tr("standard deviation over {seeds} seeds", seeds=seeds))
    if single and several:
        bars.append(
            tr(
                "95 % Wilson interval, which covers the finite number of images, of models with "
                "one seed"
            )
        )
    elif single:
        bars.append(tr("95 % Wilson interval, which covers the finite number of images"))
    return [
        tr(
            "Each model at its chosen learning rate; {images} test images. Bars: {bars}. MACs: "
            "multiply-accumulates of a forward pass. Training seconds: wall time of a run's "
            "epochs. Pareto front: no other model has at least that mean accuracy at no greater "
            "cost.",
            images=tr(" or ").join(f"{n:,}" for n in sorted({model.images for model in models})),
            bars=tr("; ").join(bars),
        ),
        note_conditions(models),
        diverged_runs(run for model in models for run in model.chosen),
        cautions(run for model in models for run in model.runs),
        never_finished(absent),
    ]
