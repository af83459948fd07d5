"""The figure of test accuracy against each factor, and of all effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from pj2.exhibits import letters, style
from pj2.exhibits.factors.model import Levels
from pj2.exhibits.factors.numbers import (
    LEARNING_RATE,
    compared_runs,
    factor_effects,
    factor_levels,
    variant_accuracies,
)
from pj2.exhibits.factors.table import in_words, remarks
from pj2.language import tr
from pj2.runs.reading import (
    PathLike,
    by_setting,
    choosing_in_words,
    load_runs,
    seeds_in_words,
)

_COLUMNS = 3
_MOST_EFFECTS = 40  # lines of the lower panel
_LINE = 36  # letters of an effect's name on one line

Colours = Mapping[str, str]


@style.styled
def plot_factors(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw accuracy at each level of each factor, and below it every effect with its interval.

    A thin line is one seed with one combination of the other factors. Means, effects and their 95
    % Student intervals come from the linear model of
    `pj2.exhibits.factors.numbers.factor_effects`.
    """
    runs = load_runs(index_paths)
    levels = factor_levels(runs)
    compared = compared_runs(runs, levels)
    accuracies = variant_accuracies(compared, levels)
    if accuracies.empty:
        style.save_placeholder(tr("No run of these variants finished an epoch"), stem)
        return
    table = factor_effects(accuracies, levels)
    colours = style.colours(accuracies["architecture"])
    effects = table[table["level"] != table["reference"]].dropna(subset="effect")
    shown = effects.loc[effects["effect"].abs().nlargest(_MOST_EFFECTS).sort_index().index]
    rows = -(-len(levels) // _COLUMNS)
    heights = [2.1 * rows, *([0.5 + 0.24 * _lines(shown)] if len(shown) else [])]
    figure = style.new_figure(1.4 + sum(heights))
    upper, *lower = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_levels(upper, accuracies, table, levels, colours)
    for part in lower:
        _draw_effects(part.subplots(), shown, colours)
    style.heading(figure, tr("What each factor does"), style.model_handles(colours, marker="o"))
    rates = len(by_setting(runs)) > len({run.model for run in runs})
    style.note(
        figure,
        tr("Thin lines: one seed and one combination of the other factors ({seeds}).",
           seeds=seeds_in_words(runs))
        if len(levels) > 1
        else tr("Thin lines: one seed ({seeds}).", seeds=seeds_in_words(runs)),
        tr(
            "Thick lines: mean over all levels of the other factors. Below: difference from the "
            "first level; for two factors (×), difference of these differences. Linear model of "
            "all runs, seeds as blocks; bars: 95 % Student intervals."
        ),
        tr(
            "Every variant is at its learning rate with the best {accuracy}.",
            accuracy=choosing_in_words(runs),
        )
        if rates and LEARNING_RATE not in levels
        else "",
        tr("The {n} greatest of {total:,} effects.", n=len(shown), total=len(effects))
        if len(shown) < len(effects)
        else "",
        *remarks(table, compared),
    )  # fmt: skip
    style.save(figure, stem)


def _draw_levels(
    figure: SubFigure,
    accuracies: pd.DataFrame,
    table: pd.DataFrame,
    levels: Levels,
    colours: Colours,
) -> None:
    """Draw one panel per factor: accuracy by level, with lines between runs alike in all else."""
    columns = min(_COLUMNS, len(levels))
    panels = figure.subplots(-(-len(levels) // columns), columns, sharey=True, squeeze=False)
    for axes in panels.flat[len(levels) :]:
        axes.remove()
    for axes, (factor, names) in zip(panels.flat, levels.items(), strict=False):
        _draw_runs(axes, accuracies, levels, factor, colours)
        for architecture, rows in table[table["factor"] == factor].groupby("architecture"):
            means = 100 * rows["mean"].to_numpy()
            axes.plot(range(len(names)), means, color=colours[str(architecture)], marker="o", ms=5)
        crowded = sum(map(len, names)) > 42 // columns
        turned: dict[str, Any] = {"rotation": 30, "ha": "right"} if crowded else {}
        axes.set_xticks(range(len(names)), names, **turned)
        axes.set_xlim(-0.4, len(names) - 0.6)
        axes.set_xlabel(in_words(factor))
        axes.grid(axis="x", visible=False)
    for axes in panels[:, 0]:
        axes.set_ylabel(tr("test accuracy (%)"))


def _draw_runs(
    axes: Axes, accuracies: pd.DataFrame, levels: Levels, factor: str, colours: Colours
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


def _draw_effects(axes: Axes, effects: pd.DataFrame, colours: Colours) -> None:
    """Draw one line per effect: main effects first, then interactions."""
    axes.axvline(0, color=style.INK, linewidth=0.8, zorder=1)
    rows = effects.to_dict("records")
    for place, row in enumerate(rows):
        colour = colours[row["architecture"]]
        axes.plot(100 * row["effect"], place, "D", color=colour, markersize=4.5, zorder=3)
        axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=colour, marker="|")
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel=tr("effect on test accuracy (percentage points)"))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _name(row: Mapping[Any, Any]) -> str:
    factor, level = in_words(row["factor"]), row["level"]
    if len(factor) + len(level) < _LINE:
        return f"{factor}: {level}"
    return "\n".join(letters.wrap(part, _LINE) for part in (f"{factor}:", level))


def _lines(effects: pd.DataFrame) -> float:
    """Return the lines that the names of effects take, plus a gap for each effect."""
    return sum(0.2 + 0.8 * (1 + _name(row).count("\n")) for row in effects.to_dict("records"))
