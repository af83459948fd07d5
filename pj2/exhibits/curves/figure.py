"""Learning curves: loss and accuracy of runs over epochs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from pj2.exhibits import letters, style
from pj2.exhibits.cautions import cautions
from pj2.exhibits.columns import bin_width, bins
from pj2.language import tr
from pj2.runs.reading import (
    PathLike,
    RunRecord,
    by_model,
    by_setting,
    choosing_in_words,
    chosen_setting,
    count_steps,
    diverged,
    epochs,
    load_runs,
    model_names,
    steps,
    steps_per_epoch,
)
from pj2.wording import named

_BINS = 400
_LETTERS = 78  # of a title on one line
_LEGEND = 30  # entries; a longer legend names some of them
_CROWD = 50  # runs; lines of more are thin, and a bitmap inside the SVG
_SPLITS = ("train", "val", "test")
_CHOSEN: Mapping[str, Any] = {
    "marker": "o", "markersize": 6, "markerfacecolor": "none", "markeredgecolor": style.INK,
    "linestyle": "",
}  # fmt: skip


@dataclass(frozen=True)
class _Curves:
    """The drawn data of one run; keeping its steps as well would fill the memory.

    `x` counts epochs; the first epoch ends at 1. `low` and `high` are the extremes of each bin of
    steps, or both every step's loss if steps are few; `line` is the running mean as x and y.
    """

    run: RunRecord
    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    line: tuple[np.ndarray, np.ndarray]
    binned: bool
    end: float
    last: float
    table: pd.DataFrame
    look: Mapping[str, Any]

    @property
    def epochs(self) -> float:
        return max(self.end, len(self.table))


@style.styled
def plot_curves(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw loss (left) and accuracy (right) of all runs over epochs.

    A single run has training, validation and test in one row; several runs have one row for each,
    on shared axes. Colour is the model; shade and line style together are the learning rate. Each
    of several seeds has a thin line, and their mean has a band of one standard deviation. Test
    curves appear if the test set was measured every epoch.
    """
    runs = load_runs(index_paths)
    _plot(runs, stem, _title(runs))


@style.styled
def plot_all_models(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw each model at its `runs.reading.chosen_setting`, on shared axes."""
    runs = load_runs(index_paths)
    chosen = [run for group in by_model(runs).values() for run in chosen_setting(group)]
    title = tr(
        "Each model at its learning rate with the best {accuracy}",
        accuracy=choosing_in_words(runs),
    )
    _plot(chosen, stem, title)


def _plot(runs: Sequence[RunRecord], stem: PathLike, title: str) -> None:
    looks, handles = _looks(runs)
    named_rates = len(handles)
    tables = [epochs(run) for run in runs]
    measured = [
        split
        for split in _SPLITS[1:]
        if any(table[f"{split}_accuracy"].notna().any() for table in tables)
    ]
    splits = [_SPLITS[0], *measured]
    evaluated = [table[f"{split}_loss"].dropna() for table in tables for split in splits[1:]]
    lengths = [count_steps(run) for run in runs]
    window = max(5, max(lengths) // 100)
    losses = style.LossRange(sum(lengths) + sum(map(len, evaluated)))
    for values in evaluated:
        losses.add(values)
    curves = [
        _read(run, table, look, window, losses)
        for run, table, look in zip(runs, tables, looks, strict=True)
    ]
    if not losses.total:
        style.save_placeholder(tr("{title}: no finite loss was recorded", title=title), stem)
        return
    if len(runs) == 1:  # line styles are free to mark the splits
        words = {"train": tr("training"), "val": tr("validation"), "test": tr("test")}
        handles = [
            Line2D([], [], label=words[split], **_split_look(looks[0], split)) for split in splits
        ]
    if len(by_setting(runs)) < len(runs):
        face = (style.MUTED, 0.3)
        handles.append(Patch(facecolor=face, label=tr("mean ± 1 standard deviation over seeds")))
    columns = _legend_columns(runs, handles)
    rows = 1 if len(runs) == 1 else len(splits)
    legend = 0.18 * -(-len(handles) // columns)
    figure = style.new_figure(1.0 + legend + (2.3 if rows == 1 else 1.7 * rows))
    grid = figure.subplots(rows, 2, sharex=True, sharey="col", squeeze=False)
    top, low = losses.top, losses.low
    _draw_panels(grid, curves, splits, top)
    grid[0, 0].set_ylim(max(0.0, low - 0.05 * (top - low)), top)
    if not any(len(drawn.table) for drawn in curves):
        grid[0, 1].set_ylim(0, 100)
    if len(runs) > _CROWD:
        for line in (line for axes in grid.flat for line in (*axes.lines, *axes.collections)):
            line.set_rasterized(True)
            line.set_linewidth(np.minimum(line.get_linewidth(), 0.5))
    style.heading(figure, title, handles, columns)
    above = style.note_above(losses.greatest, top, "losses", losses.total)
    style.note(figure, *_small_print(runs, curves, window, named_rates), above)
    style.save(figure, stem)


def _title(runs: Sequence[RunRecord]) -> str:
    """Return the models' names; if they exceed a line, the experiments and the number of models."""
    names = list(model_names(runs).values())
    title = tr(", ").join(names)
    if letters.width(title) <= _LETTERS:
        return title
    experiments = dict.fromkeys(run.experiment for run in runs)
    return tr("{experiments}: {n} models", experiments=tr(", ").join(experiments), n=len(names))


def _draw_panels(
    grid: np.ndarray, curves: Sequence[_Curves], splits: Sequence[str], top: float
) -> None:
    """Draw the panels: loss left, accuracy right; one row for each split, or one row for all."""
    longest = max(drawn.epochs for drawn in curves)
    points = "o" if longest <= 15 else ""
    together = len(grid) == 1
    for row, split in enumerate(splits):
        loss_axes, accuracy_axes = grid[0 if together else row]
        for group in _by_setting(curves):
            look = _split_look(group[0].look, split) if together else group[0].look
            if split == "train":
                _draw_steps(loss_axes, group, look, top)
            else:
                _draw_epochs(loss_axes, group, f"{split}_loss", look, points)
                for drawn in group:
                    high = drawn.table[f"{split}_loss"] > top
                    style.mark_above(loss_axes, drawn.table["epoch"][high] + 1, look["color"])
            _draw_epochs(accuracy_axes, group, f"{split}_accuracy", look, points)
        loss, accuracy = _units("" if together else split)
        loss_axes.set_ylabel(loss)
        accuracy_axes.set_ylabel(accuracy)
    for axes in grid[-1]:
        axes.set_xlim(0, 1.03 * longest)
        axes.set_xlabel(tr("epoch"))
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))


def _units(split: str) -> tuple[str, str]:
    """Return the labels of the loss and accuracy axes, for one split or for all together."""
    return {
        "": (tr("loss (nats)"), tr("accuracy (%)")),
        "train": (tr("training loss (nats)"), tr("training accuracy (%)")),
        "val": (tr("validation loss (nats)"), tr("validation accuracy (%)")),
        "test": (tr("test loss (nats)"), tr("test accuracy (%)")),
    }[split]


def _legend_columns(runs: Sequence[RunRecord], handles: Sequence[Artist]) -> int:
    """Return how many columns fit; one per model if the entries divide so."""
    fit = style.columns_that_fit(handles, letter=0.065, margin=0.5)
    models = len(by_model(runs))
    whole = 1 < models < len(handles) and len(handles) % models == 0
    return models if whole and models <= fit else min(fit, len(handles))


def _looks(runs: Sequence[RunRecord]) -> tuple[list[Mapping[str, Any]], list[Artist]]:
    """Return colour and line style of each run, and the legend's handles.

    Runs that differ only in their seed look the same; a model's learning rates and experiments do
    not. With very many learning rates the legend names some, from the least to the greatest.
    """
    names = model_names(runs)
    colours = style.colours(run.model for run in runs)
    styles: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    handles: list[Artist] = []
    different = {(run.experiment, run.model, run.lr) for run in runs}
    variants = Counter(model for _, model, _ in different)
    before: Counter[str] = Counter()  # per model, in the experiments before this one
    kin: Counter[str] = Counter()  # variants of each architecture so far, which share its colour
    entries = len(different)
    most = entries if entries <= _LEGEND else max(2, _LEGEND // len(names))
    for (experiment, model), group in by_model(runs).items():
        rates = sorted({run.lr for run in group}, key=float)
        shown = set(_spread(rates, most))
        relative = kin[group[0].architecture] if group[0].variant else 0
        kin[group[0].architecture] += 1
        for rank, rate in enumerate(rates, start=before[model]):
            replicas = [run for run in group if run.lr == rate]
            look: dict[str, Any] = {
                "color": style.shade(colours[model], rank, variants[model]),
                "linestyle": style.LINE_STYLES[(rank + relative) % len(style.LINE_STYLES)],
            }
            styles[experiment, model, rate] = look
            cell = {"model": names[experiment, model], "lr": rate}
            label = tr("{model}, lr {lr}", **cell)
            if len(replicas) > 1:
                label = tr("{model}, lr {lr}, {seeds} seeds", **cell, seeds=len(replicas))
            if rate in shown:
                handles.append(Line2D([], [], label=label, **look))
        before[model] += len(rates)
    return [styles[run.experiment, run.model, run.lr] for run in runs], handles


def _spread(items: Sequence[str], most: int) -> list[str]:
    """Return at most `most` of the items, evenly spaced, with the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]


def _split_look(look: Mapping[str, Any], split: str) -> Mapping[str, Any]:
    rank = _SPLITS.index(split)
    colour = (look["color"], style.shade(look["color"], 1, 2), style.INK)[rank]
    return {"color": colour, "linestyle": style.LINE_STYLES[rank]}


def _read(
    run: RunRecord,
    table: pd.DataFrame,
    look: Mapping[str, Any],
    window: int,
    losses: style.LossRange,
) -> _Curves:
    recorded = steps(run)
    x = (recorded["step"].to_numpy() + 1) / steps_per_epoch(run, recorded)
    loss = recorded["loss"].to_numpy()
    losses.add(loss)
    width = bin_width(len(loss), _BINS)  # too many to distinguish: the extremes of each bin
    low, high, _ = bins(loss, width)
    mean = pd.Series(loss).rolling(window, center=True, min_periods=1).mean().to_numpy()
    shown = slice(None, None, max(1, window // 5))
    line = x[shown].copy(), mean[shown].copy()  # copies, since views would keep the whole arrays
    end, last = (float(x[-1]), float(loss[-1])) if len(loss) else (0.0, float("nan"))
    return _Curves(run, x[::width].copy(), low, high, line, width > 1, end, last, table, look)


def _by_setting(curves: Sequence[_Curves]) -> list[list[_Curves]]:
    """Group the drawn data of runs that differ only in their seed."""
    by_run = {id(drawn.run): drawn for drawn in curves}
    groups = by_setting(drawn.run for drawn in curves)
    return [[by_run[id(run)] for run in group] for group in groups.values()]


def _draw_steps(axes: Axes, group: Sequence[_Curves], look: Mapping[str, Any], top: float) -> None:
    """Draw every step's loss, pale, under its running mean; for several seeds the means alone."""
    colour = look["color"]
    for drawn in group:
        if len(group) == 1 and drawn.binned:
            axes.fill_between(drawn.x, drawn.low, drawn.high, color=colour, alpha=0.2, linewidth=0)
        elif len(group) == 1:
            axes.plot(drawn.x, drawn.low, color=colour, alpha=0.35, linewidth=0.7)
        style.mark_above(axes, drawn.x[drawn.high > top], colour)
        if drawn.run.diverged_at is not None and len(drawn.x):
            axes.plot(
                drawn.end, min(drawn.last, top), **style.cross(colour), clip_on=False, zorder=5
            )
    _draw_lines(axes, [drawn.line for drawn in group], look)


def _draw_epochs(
    axes: Axes, group: Sequence[_Curves], column: str, look: Mapping[str, Any], points: str
) -> None:
    """Draw one value per epoch, accuracies in percent; mark the chosen epoch of several."""
    lines = []
    for drawn in group:
        table = drawn.table
        values = table[column] * (100 if column.endswith("accuracy") else 1)
        # A training value is a mean over its epoch; the others are measured at its end.
        x = table["epoch"] + (0.5 if column.startswith("train") else 1.0)
        lines.append((x.to_numpy(), values.to_numpy()))
        if column in ("val_accuracy", "test_accuracy") and len(table) > 1:
            best = table["epoch"] == drawn.run.best_epoch
            axes.plot(x[best], values[best], zorder=4, **_CHOSEN)
    alone = any(len(drawn.table) == 1 for drawn in group)
    _draw_lines(axes, lines, {**look, "marker": "o" if alone else points, "markersize": 3.5})


def _draw_lines(
    axes: Axes, lines: Sequence[tuple[np.ndarray, np.ndarray]], look: Mapping[str, Any]
) -> None:
    """Draw a line; for several lines, each thin, and their mean ± one standard deviation.

    All lines share their x positions; the mean ends with the shortest line.
    """
    if len(lines) == 1:
        axes.plot(*lines[0], **look)
        return
    for line in lines:
        axes.plot(*line, color=look["color"], linewidth=0.5, alpha=0.5)
    shortest = min(len(x) for x, _ in lines)
    x = lines[0][0][:shortest]
    values = np.stack([y[:shortest] for _, y in lines])
    mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1)
    band = mean - deviation, mean + deviation
    axes.fill_between(x, *band, color=look["color"], alpha=0.2, linewidth=0)
    axes.plot(x, mean, **look)


def _small_print(
    runs: Sequence[RunRecord], curves: Sequence[_Curves], window: int, entries: int
) -> list[str]:
    names = model_names(runs)
    looks = len({(run.experiment, run.model, run.lr) for run in runs})
    binned = any(drawn.binned for drawn in curves)
    lost = [
        tr(
            "{model}, lr {lr}, seed {seed} at step {step:,}",
            model=names[run.experiment, run.model], lr=run.lr, seed=run.seed, step=run.diverged_at,
        )
        for run in diverged(runs)
    ]  # fmt: skip
    smoothed = sorted(
        {run.model for run in runs if run.info["settings"]["loss"].get("label_smoothing")}
    )
    (run, *others) = runs
    several = len(by_setting(runs)) < len(runs)
    if several:
        loss = tr("Training loss: line, running mean of {window} steps.", window=window)
    elif binned:
        loss = tr(
            "Training loss: pale, range in each of up to 400 bins; line, running mean of {window} "
            "steps.",
            window=window,
        )
    else:
        loss = tr(
            "Training loss: pale, of each step; line, running mean of {window} steps.",
            window=window,
        )
    return [
        "" if others else tr("Run: learning rate {lr}, seed {seed}.", lr=run.lr, seed=run.seed),
        loss,
        tr("Training accuracy is the mean of an epoch, drawn at its middle."),
        tr(
            "Thin lines: single seeds; line and band: mean ± one standard deviation, up to the "
            "shortest."
        )
        if several
        else "",
        tr("The legend names {entries} of {all} learning rates.", entries=entries, all=looks)
        if 1 < entries < looks
        else "",
        tr("○: the epoch that the run chose.") if any(len(c.table) > 1 for c in curves) else "",
        tr(
            "The training loss of {models} includes label smoothing.",
            models=tr(", ").join(smoothed),
        )
        if smoothed
        else "",
        tr("✖ diverged: {runs}.", runs=named(lost)) if lost else "",
        cautions(runs),
    ]
