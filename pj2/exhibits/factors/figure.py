"""Test accuracy against each factor of an experiment's variants, seeds shown."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pj2.exhibits import style
from pj2.exhibits.factors.numbers import Levels, factor_levels, level_means, variant_accuracies
from pj2.language import tr
from pj2.runs.reading import PathLike, by_setting, load_runs, seeds_in_words

_COLUMNS = 3


@style.styled
def plot_factors(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw a panel a factor: accuracy at each level, and what joins runs alike in all else.

    A thin line is one seed of one combination of the other factors; marks are the
    means over them, with the 95 % Student interval over seeds where there are two.
    """
    runs = load_runs(index_paths)
    levels, accuracies = factor_levels(runs), variant_accuracies(runs)
    if accuracies.empty:
        style.save_placeholder(tr("No run of these variants finished an epoch"), stem)
        return
    colours = style.colours(accuracies["architecture"])
    columns = min(_COLUMNS, len(levels))
    rows = -(-len(levels) // columns)
    width = style.WIDTH if columns > 1 else 0.7 * style.WIDTH
    figure = style.new_figure(1.1 + 2.3 * rows, width)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in panels.flat[len(levels) :]:
        axes.remove()
    for axes, factor in zip(panels.flat, levels, strict=False):
        _draw_lines(axes, accuracies, levels, factor, colours)
        _draw_means(axes, level_means(accuracies, levels, factor), levels[factor], colours)
        places = range(len(levels[factor]))
        crowded = sum(map(len, levels[factor])) > 42 // columns
        axes.set_xticks(
            places,
            levels[factor],
            rotation=30 if crowded else 0,
            ha="right" if crowded else "center",
        )
        axes.set_xlim(-0.4, len(levels[factor]) - 0.6)
        axes.set_xlabel(factor)
        axes.grid(axis="x", visible=False)
    for axes in panels[:, 0]:
        axes.set_ylabel(tr("test accuracy (%)"))
    handles = style.model_handles(colours, marker="o")
    style.heading(figure, tr("What each factor does"), handles)
    seeds = seeds_in_words(runs)
    rates = len(by_setting(runs)) > len({run.model for run in runs})
    style.note(
        figure,
        tr("Thin lines: one seed and one combination of the other factors ({seeds}).", seeds=seeds)
        if len(levels) > 1
        else tr("Thin lines: one seed ({seeds}).", seeds=seeds),
        tr(
            "Marks: their mean; bars: the 95 % Student interval of the mean over seeds, where "
            "there are two or more."
        ),
        tr("Every variant is at its learning rate with the best validation accuracy.")
        if rates
        else "",
    )
    style.save(figure, stem)


def _draw_lines(
    axes: Axes, accuracies: pd.DataFrame, levels: Levels, factor: str, colours: dict[str, str]
) -> None:
    others = [name for name in levels if name != factor]
    place = {level: rank for rank, level in enumerate(levels[factor])}
    for (architecture, *_), group in accuracies.groupby(
        ["architecture", *others, "seed"], sort=False
    ):
        x = group[factor].map(place).to_numpy()
        order = np.argsort(x)
        y = 100 * group["accuracy"].to_numpy()
        axes.plot(
            x[order], y[order], color=colours[str(architecture)], linewidth=0.6, alpha=0.45,
            marker=".", markersize=3,
        )  # fmt: skip


def _draw_means(
    axes: Axes, means: pd.DataFrame, levels: list[str], colours: dict[str, str]
) -> None:
    for architecture, frame in means.groupby("architecture", sort=False):
        x = np.array([levels.index(level) for level in frame["level"]])
        mean, low, high = (100 * frame[name].to_numpy() for name in ("mean", "low", "high"))
        bars = np.nan_to_num(np.stack([mean - low, high - mean]))
        axes.errorbar(
            x, mean, yerr=bars if bars.any() else None, color=colours[str(architecture)],
            marker="o", markersize=5, capsize=3, linewidth=1.4, zorder=4,
        )  # fmt: skip
