"""How the moments of activations move while a network is trained."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pj2.errors import UserError
from pj2.exhibits import style
from pj2.exhibits.probes.numbers import moments, moves, records
from pj2.language import tr
from pj2.runs.reading import PathLike, load_runs

_LAYERS = 3  # of all measured layers: the first, the middle and the last


@style.styled
def plot_activation_moments(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw mean ± standard deviation of channels over the probed steps, one row per model.

    The first seed and its first learning rate are drawn. Raises UserError if no run
    recorded moments.
    """
    runs = [run for run in load_runs(index_paths) if records(run, "moments")]
    if not runs:
        raise UserError("no moments to show: no probe here has moments: true")
    first = [run for run in runs if (run.seed, run.lr) == (runs[0].seed, runs[0].lr)]
    figure = style.new_figure(1.3 + 1.4 * len(first))
    grid = figure.subplots(len(first), _LAYERS, squeeze=False, sharex=True)
    colours = style.colours(run.model for run in first)
    for run, panels in zip(first, grid, strict=True):
        measured = moments(run)
        if measured.empty:  # diverged before a probe, or no activation follows a convolution
            continue
        depths = np.linspace(0, measured["depth"].max(), _LAYERS).round().astype(int)
        for depth, panel in zip(depths, panels, strict=True):
            _draw(panel, measured[measured["depth"] == depth], colours[run.model])
    for panel in grid[-1]:
        panel.set_xlabel(tr("training step"))
    style.heading(figure, tr("Mean and spread of activations"), style.model_handles(colours))
    probe = runs[0].info["settings"]["probe"]
    style.note(
        figure,
        tr(
            "Lines: mean input of the activation function, first channels of a layer; shaded: ± "
            "one standard deviation. Probed every {every} steps; learning rate {lr}, seed {seed}. "
            "Moves: standard deviation of a channel's mean over the second half, in units of the "
            "channel's own (median over channels).",
            every=probe["every"], lr=first[0].lr, seed=first[0].seed,
        ),
    )  # fmt: skip
    style.save(figure, stem)


def _draw(panel: Axes, layer: pd.DataFrame, colour: str) -> None:
    for number, (_, rows) in enumerate(layer.groupby("channel")):
        spread = np.sqrt(rows["variance"])
        panel.fill_between(
            rows["step"], rows["mean"] - spread, rows["mean"] + spread,
            color=colour, alpha=0.12, linewidth=0,
        )  # fmt: skip
        dashes = style.LINE_STYLES[number % len(style.LINE_STYLES)]
        panel.plot(rows["step"], rows["mean"], color=colour, linestyle=dashes, linewidth=1.0)
    place = int(layer["depth"].iloc[0]) + 1
    moved = moves(layer)
    panel.set_title(
        tr("layer {n}", n=place)
        if math.isnan(moved)
        else tr("layer {n}: moves {moves:.2g}", n=place, moves=moved)
    )
