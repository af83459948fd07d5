"""Learning curves: loss and accuracy of runs over epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pj2.analysis.runs import (
    PathLike,
    RunRecord,
    by_model,
    chosen_run,
    epochs,
    load_runs,
    model_names,
    steps,
    steps_per_epoch,
)
from pj2.figures import style

_BINS = 400
_SPLITS = {"train": "training", "val": "validation", "test": "test"}
_CHOSEN: Mapping[str, Any] = {
    "marker": "o", "markersize": 6, "markerfacecolor": "none", "markeredgecolor": style.INK,
    "linestyle": "",
}  # fmt: skip


@dataclass(frozen=True)
class _Curves:
    """What is drawn of one run: `x` of each step counts epochs, so that the first ends at 1."""

    run: RunRecord
    x: np.ndarray
    loss: np.ndarray
    table: pd.DataFrame
    look: Mapping[str, Any]

    @property
    def epochs(self) -> float:
        return max([*self.x[-1:], len(self.table)], default=0.0)


@style.styled
def plot_curves(index_paths: Iterable[PathLike], stem: PathLike, title: str | None = None) -> None:
    """Draw loss (left) and accuracy (right) of all runs listed, over epochs.

    A single run has training, validation and test in one row; several runs have a row
    for each, on shared axes. Colour is the model; shade and line style together are
    the learning rate. Test curves are there if the test set was measured every epoch.
    """
    _plot(load_runs(index_paths), stem, title)


@style.styled
def plot_all_models(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw the chosen run of every model, see `analysis.runs.chosen_run`, on shared axes."""
    groups = by_model(load_runs(index_paths))
    chosen = [chosen_run(group) for group in groups.values()]
    _plot(chosen, stem, "Each model's run with the best validation accuracy")


def _plot(runs: Sequence[RunRecord], stem: PathLike, title: str | None) -> None:
    looks, handles = _looks(runs)
    curves = [_read(run, look) for run, look in zip(runs, looks, strict=True)]
    title = title or ", ".join(model_names(runs).values())
    measured = any(drawn.table["test_accuracy"].notna().any() for drawn in curves)
    splits = ["train", "val", "test"] if measured else ["train", "val"]
    losses = np.concatenate(
        [drawn.loss for drawn in curves]
        + [drawn.table[f"{split}_loss"].dropna() for drawn in curves for split in splits[1:]]
    )
    if not len(losses):
        style.save(style.placeholder(f"{title}: no finite loss was recorded"), stem)
        return
    if len(runs) == 1:  # line styles are free to tell the splits apart
        handles = [
            Line2D([], [], label=_SPLITS[split], **_split_look(looks[0], split)) for split in splits
        ]
    columns = _legend_columns(runs, handles)
    rows = 1 if len(runs) == 1 else len(splits)
    legend = 0.18 * -(-len(handles) // columns)
    figure = style.new_figure(1.0 + legend + (2.3 if rows == 1 else 1.7 * rows))
    grid = figure.subplots(rows, 2, sharex=True, sharey="col", squeeze=False)
    top, low = style.loss_ceiling([losses]), float(losses.min())
    window = max(5, max(len(drawn.loss) for drawn in curves) // 100)
    _draw_panels(grid, curves, splits, window, top)
    grid[0, 0].set_ylim(max(0.0, low - 0.05 * (top - low)), top)
    if not any(len(drawn.table) for drawn in curves):
        grid[0, 1].set_ylim(0, 100)
    style.heading(figure, title, handles, columns)
    style.note(figure, *_small_print(runs, curves, window), style.note_above(losses, top, "losses"))
    style.save(figure, stem)


def _draw_panels(
    grid: np.ndarray, curves: Sequence[_Curves], splits: Sequence[str], window: int, top: float
) -> None:
    """Fill the axes: loss left, accuracy right; a row for each split, or one row for all."""
    longest = max(drawn.epochs for drawn in curves)
    points = "o" if longest <= 15 else ""
    together = len(grid) == 1
    for row, split in enumerate(splits):
        loss_axes, accuracy_axes = grid[0 if together else row]
        for drawn in curves:
            look = _split_look(drawn.look, split) if together else drawn.look
            if split == "train":
                _draw_steps(loss_axes, drawn, look, window, top)
            else:
                _draw_epochs(loss_axes, drawn, f"{split}_loss", look, points)
                high = drawn.table[f"{split}_loss"] > top
                style.mark_above(loss_axes, drawn.table["epoch"][high] + 1, look["color"])
            _draw_epochs(accuracy_axes, drawn, f"{split}_accuracy", look, points)
        prefix = "" if together else f"{_SPLITS[split]} "
        loss_axes.set_ylabel(f"{prefix}loss (nats)")
        accuracy_axes.set_ylabel(f"{prefix}accuracy (%)")
    for axes in grid[-1]:
        axes.set_xlim(0, 1.03 * longest)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))


def _legend_columns(runs: Sequence[RunRecord], handles: Sequence[Line2D]) -> int:
    """Return how many columns fit; one for each model if that is how the entries fall."""
    inches = 0.5 + 0.065 * max(len(str(handle.get_label())) for handle in handles)
    fit = max(1, int(style.WIDTH / inches))
    models = len(by_model(runs))
    whole = 1 < models < len(handles) and len(handles) % models == 0
    return models if whole and models <= fit else min(fit, len(handles))


def _looks(runs: Sequence[RunRecord]) -> tuple[list[Mapping[str, Any]], list[Line2D]]:
    """Return colour and line style of each run, and what the legend says of them.

    Runs that differ in their seed alone look the same.
    """
    names = model_names(runs)
    colours = style.colours(run.model for run in runs)
    styles: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    handles = []
    for (experiment, model), group in by_model(runs).items():
        rates = sorted({run.lr for run in group}, key=float)
        for rank, rate in enumerate(rates):
            replicas = [run for run in group if run.lr == rate]
            look: dict[str, Any] = {
                "color": style.shade(colours[model], rank, len(rates)),
                "linestyle": style.LINE_STYLES[rank % len(style.LINE_STYLES)],
            }
            styles[experiment, model, rate] = look
            label = f"{names[experiment, model]}, lr {rate}"
            label += f", {len(replicas)} seeds" if len(replicas) > 1 else ""
            handles.append(Line2D([], [], label=label, **look))
    return [styles[run.experiment, run.model, run.lr] for run in runs], handles


def _split_look(look: Mapping[str, Any], split: str) -> Mapping[str, Any]:
    rank = list(_SPLITS).index(split)
    colour = (look["color"], style.shade(look["color"], 1, 2), style.INK)[rank]
    return {"color": colour, "linestyle": style.LINE_STYLES[rank]}


def _read(run: RunRecord, look: Mapping[str, Any]) -> _Curves:
    recorded = steps(run)
    x = (recorded["step"].to_numpy() + 1) / steps_per_epoch(run, recorded)
    return _Curves(run, x, recorded["loss"].to_numpy(), epochs(run), look)


def _draw_steps(
    axes: Axes, drawn: _Curves, look: Mapping[str, Any], window: int, top: float
) -> None:
    """Draw every step's loss, pale, under its running mean; mark divergence."""
    x, loss, colour = drawn.x, drawn.loss, look["color"]
    width = -(-len(loss) // _BINS)
    if width > 1:  # too many to tell apart: the extremes of each bin
        starts = np.arange(0, len(loss), width)
        low, high = np.minimum.reduceat(loss, starts), np.maximum.reduceat(loss, starts)
        axes.fill_between(x[starts], low, high, color=colour, alpha=0.2, linewidth=0)
    else:
        axes.plot(x, loss, color=colour, alpha=0.35, linewidth=0.7)
    mean = pd.Series(loss).rolling(window, center=True, min_periods=1).mean()
    axes.plot(x[:: max(1, window // 5)], mean[:: max(1, window // 5)], **look)
    style.mark_above(axes, x[loss > top], colour)
    if drawn.run.diverged_at is not None and len(loss):
        axes.plot(x[-1], min(loss[-1], top), **style.cross(colour), clip_on=False, zorder=5)


def _draw_epochs(
    axes: Axes, drawn: _Curves, column: str, look: Mapping[str, Any], points: str
) -> None:
    """Draw one value an epoch, accuracies in percent; mark the chosen epoch of several."""
    table = drawn.table
    values = table[column] * (100 if column.endswith("accuracy") else 1)
    # A training value is a mean over its epoch; the others are measured at its end.
    x = table["epoch"] + (0.5 if column.startswith("train") else 1.0)
    axes.plot(x, values, marker="o" if len(table) == 1 else points, markersize=3.5, **look)
    if column in ("val_accuracy", "test_accuracy") and len(table) > 1:
        best = table["epoch"] == drawn.run.best_epoch
        axes.plot(x[best], values[best], zorder=4, **_CHOSEN)


def _small_print(runs: Sequence[RunRecord], curves: Sequence[_Curves], window: int) -> list[str]:
    names = model_names(runs)
    binned = any(len(drawn.loss) > _BINS for drawn in curves)
    pale = "from least to greatest in each of up to 400 bins" if binned else "of each step"
    lost = [
        f"{names[run.experiment, run.model]}, lr {run.lr}, seed {run.seed} "
        f"at step {run.diverged_at:,}"
        for run in runs
        if run.diverged_at is not None
    ]
    smoothed = sorted(
        {run.model for run in runs if run.info["settings"]["loss"]["label_smoothing"]}
    )
    (run, *others) = runs
    return [
        "" if others else f"Run: learning rate {run.lr}, seed {run.seed}.",
        f"Training loss: pale, {pale}; line, running mean of {window} steps. Training accuracy is "
        "a mean over its epoch and drawn at its middle.",
        "○: the epoch that the run chose." if any(len(c.table) > 1 for c in curves) else "",
        f"The training loss of {', '.join(smoothed)} includes label smoothing." if smoothed else "",
        f"✖ diverged: {'; '.join(lost)}." if lost else "",
    ]
