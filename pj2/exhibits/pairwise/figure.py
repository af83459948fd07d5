"""The figure of differences in test accuracy: a forest plot with one line per pair of models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pj2.exhibits import letters, style
from pj2.exhibits.pairwise.numbers import pairwise
from pj2.language import tr
from pj2.runs.reading import PathLike, load_runs
from pj2.wording import NOT_SETTLED, named, span, verdict_in_words

_LINE = 26  # characters of a pair's name per line; longer names take two
_SETTLED = "#0072B2"
_SEEDS = 0.24  # distance from a pair's line down to its seeds, in lines


@style.styled
def plot_differences(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw the difference of test accuracy of every two models of an experiment, in points.

    A thick bar is the 95 % interval over seeds and images (over images if there is one seed), a
    thin one the interval over images; dots are single seeds. See
    `pj2.statistics.paired_difference`.
    """
    frame, told = pairwise(load_runs(index_paths))
    rows = frame.to_dict("records")
    if not rows:
        reasons = letters.wrap(named(told, " "), 90)
        nothing = tr("There are no two models to compare.")
        style.save_placeholder(f"{nothing}\n{reasons}", stem)
        return
    names = [_name(row) for row in rows]
    figure = style.new_figure(1.75 + sum(0.32 + 0.14 * name.count("\n") for name in names))
    axes = figure.subplots()
    axes.axvline(0, color=style.INK, linewidth=0.8, zorder=1)
    for place, row in enumerate(rows):
        _draw_pair(axes, place, row)
    axes.set_yticks(range(len(rows)), names)
    axes.set(
        ylim=(len(rows) - 0.4, -0.6),
        xlabel=tr("test accuracy, first less second (percentage points)"),
    )
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    figure.legend(handles=_handles(rows), loc="outside upper left", ncols=3)
    style.note(figure, *_small_print(rows), named(told, " "))
    style.save(figure, stem)


def _name(row: Mapping[Any, Any]) -> str:
    first, second = row["model"], f"− {row['other']}"
    return f"{first} {second}" if len(first) + len(second) < _LINE else f"{first}\n{second}"


def _draw_pair(axes: Axes, place: int, row: Mapping[Any, Any]) -> None:
    several = row["seeds"] > 1
    colour = style.MUTED if row["verdict"].startswith(NOT_SETTLED) else _SETTLED
    ends = "both" if several else "images"
    thick = [100 * row[f"{ends}_low"], 100 * row[f"{ends}_high"]]
    thin = [100 * row["images_low"], 100 * row["images_high"]]
    axes.plot(thick, [place, place], color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")
    axes.plot(thin, [place, place], color=colour, linewidth=1.2, marker="|", markersize=6)
    axes.plot(100 * row["difference"], place, "D", color=colour, markersize=4.5, zorder=3)
    if several:
        seeds = 100 * np.array(list(row["by_seed"].values()))
        axes.plot(
            seeds, np.full(len(seeds), place + _SEEDS), "o", color=colour, markersize=2.6,
            alpha=0.8, markeredgewidth=0,
        )  # fmt: skip
    difference = f"{100 * row['difference']:+.2f}".replace("-", "−")
    axes.annotate(
        f"{difference}  {verdict_in_words(row['verdict'])}", (1, place),
        xycoords=axes.get_yaxis_transform(), xytext=(6, 0), textcoords="offset points",
        va="center", fontsize=8, color=colour,
    )  # fmt: skip


def _handles(rows: Sequence[Mapping[Any, Any]]) -> list[Line2D]:
    """Return the legend's handles; one seed has one interval and no dots."""
    several = any(row["seeds"] > 1 for row in rows)
    images = tr("95 %, other images")
    thick = tr("95 %, other seeds and images") if several else images
    handles = [Line2D([], [], color=style.MUTED, linewidth=5, alpha=0.35, label=thick)]
    if several:
        handles += [
            Line2D([], [], color=style.MUTED, lw=1.2, marker="|", label=images),
            Line2D([], [], color=style.MUTED, lw=0, marker="o", ms=2.6, label=tr("one seed")),
        ]
    return handles


def _small_print(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    several = any(row["seeds"] > 1 for row in rows)
    alone = any(row["seeds"] == 1 for row in rows)
    mixed = several and alone
    return [
        tr(
            "{images} test images, {seeds} of both models, each at its chosen learning rate. "
            "Intervals: BCa bootstrap, not adjusted for the number of pairs.",
            images=span(row["images"] for row in rows),
            seeds=tr("{n} seeds", n=span(row["seeds"] for row in rows))
            if several
            else tr("1 seed"),
        ),
        tr("Blue, with several seeds: the thick bar and Student's t interval over seeds exclude 0.")
        if several
        else "",
        tr("The thick bar of a pair with one seed in common is over images.") if mixed else "",
        tr(
            "Blue, with one seed: McNemar's exact test, Holm-adjusted, has p < 0.05; other seeds "
            "may differ."
        )
        if alone
        else "",
    ]
