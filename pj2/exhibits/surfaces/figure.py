"""Loss surfaces as contours and in three dimensions, and the loss along lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator
from mpl_toolkits.mplot3d.axes3d import Axes3D

from pj2.exhibits import style
from pj2.exhibits.measured import (
    GRID_COLUMNS,
    LINE_COLUMNS,
    STATISTICS,
    Measured,
    about_statistics,
    as_grid,
    barrier,
    read_measured,
)
from pj2.language import tr
from pj2.runs.reading import PathLike
from pj2.wording import named

_LEVELS = 24
_LOOK: dict[str, Any] = {"none": "-", "running": "-", "batch": style.LINE_STYLES[1]}


@style.styled
def plot_surfaces(surfaces: Iterable[PathLike], stem: PathLike) -> None:
    """Draw one column per model: contours above, the surface below, on common scales."""
    measured = [part for path in surfaces for part in read_measured(path, GRID_COLUMNS).each()]
    grids = [as_grid(surface) for surface in measured]
    finite = np.concatenate([loss[np.isfinite(loss)] for _, _, loss in grids])
    if not len(finite):
        title = tr("Loss surfaces")
        style.save_placeholder(tr("{title}: no finite loss was recorded", title=title), stem)
        return
    floor = max(float(finite.min()), 1e-6)
    low, high = np.log10(floor), np.log10(max(float(finite.max()), floor * 1.01))
    levels = np.logspace(low, high, _LEVELS)
    locator = LogLocator(subs=(1, 2, 5) if high - low < 3 else (1,))
    ticks = [tick for tick in locator.tick_values(floor, 10**high) if floor <= tick <= 10**high]
    columns = len(measured)
    figure = style.new_figure(6.4)
    flats = []
    drawn = None
    for place, (surface, (alpha, beta, loss)) in enumerate(zip(measured, grids, strict=True)):
        shown = np.clip(np.where(np.isfinite(loss), loss, 10**high), floor, 10**high)
        flat = figure.add_subplot(2, columns, place + 1)
        flats.append(flat)
        drawn = flat.contourf(alpha, beta, shown, levels=levels, norm="log", cmap="viridis")
        lines = flat.contour(alpha, beta, shown, levels=levels[::3], colors="white", linewidths=0.5)
        flat.clabel(lines, fmt=lambda loss: f"{loss:.2g}", fontsize=6)
        flat.plot(0, 0, "+", color="white", markersize=8)
        flat.set(title=surface.full_title, xlabel="α", ylabel="β", aspect="equal")
        flat.title.set_color(style.colours([surface.model])[surface.model])
        flat.grid(False)
        solid = figure.add_subplot(2, columns, columns + place + 1, projection="3d")
        assert isinstance(solid, Axes3D)
        solid.plot_surface(
            *np.meshgrid(alpha, beta), np.log10(shown), cmap="viridis", vmin=low, vmax=high,
            rstride=1, cstride=1, linewidth=0.1, edgecolor=(0, 0, 0, 0.25), shade=False,
        )  # fmt: skip
        solid.set(xlabel="α", ylabel="β", zlim=(low, high))
        marks = ticks[:: 1 if len(ticks) < 7 else 3]
        solid.set_zticks(np.log10(marks), [f"{mark:g}" for mark in marks])
        solid.view_init(elev=28, azim=-60)
        solid.set_box_aspect((1, 1, 0.75), zoom=1.2)
    assert drawn is not None
    bar = figure.colorbar(drawn, ax=flats, label=tr("loss (nats)"), shrink=0.9)
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()
    style.note(figure, *_small_print(measured))
    style.save(figure, stem)


@style.styled
def plot_lines(
    lines: Iterable[PathLike], interpolations: Sequence[PathLike], stem: PathLike
) -> None:
    """Draw the loss along one direction, and between each model's two best runs."""
    measured = [part for path in lines for part in read_measured(path, LINE_COLUMNS).each()]
    between = [read_measured(path, LINE_COLUMNS) for path in interpolations]
    colours = style.colours(line.model for line in measured)
    figure = style.new_figure(3.6)
    drawn = [line for line in between if not line.table.empty]
    panels = figure.subplots(1, 2 if drawn else 1, squeeze=False)[0]
    for line in measured:
        _draw_line(panels[0], line, colours[line.model])
    panels[0].set(title=tr("along a random direction"), xlabel="α", ylabel=tr("loss (nats)"))
    barriers = []
    for line in drawn:
        _draw_line(panels[1], line, colours[line.model])
        ends = [
            tr("lr {lr} seed {seed}", lr=end["lr"], seed=end["seed"])
            for end in (line.about, line.about["other"])
        ]
        barriers.append(
            tr(
                "{model}, from {one} (0) to {other} (1): barrier {barrier:.3g} nats.",
                model=line.model, one=ends[0], other=ends[1], barrier=barrier(line),
            )
        )  # fmt: skip
    absent = [line.model for line in between if line.table.empty]
    if absent:
        barriers.append(
            tr(
                "No line between two runs of {models}: fewer than two of them finished an epoch.",
                models=named(absent),
            )
        )
    if drawn:
        panels[1].set(title=tr("between two runs"), xlabel="α")
    for panel in panels:
        style.log_scale(panel)
    handles = style.model_handles({line.title: colours[line.model] for line in measured})
    for kind, name in STATISTICS.items():
        if any(line.statistics == kind for line in measured):
            handles.append(Line2D([], [], color=style.INK, linestyle=_LOOK[kind], label=tr(name)))
    style.heading(figure, tr("The loss on straight lines"), handles)
    style.note(
        figure,
        *_small_print(measured),
        tr(
            "Between two runs, BatchNorm uses the statistics of the images at each point. Barrier: "
            "the greatest excess over the straight line between the ends."
        )
        if drawn else "",
        *barriers,
    )  # fmt: skip
    style.save(figure, stem)


def _draw_line(axes: Axes, line: Measured, colour: str) -> None:
    finite = line.table[np.isfinite(line.table["loss"])]
    axes.plot(
        finite["alpha"],
        finite["loss"],
        color=colour,
        marker=".",
        markersize=3,
        linestyle=_LOOK[line.statistics],
    )


def _small_print(measured: Sequence[Measured]) -> list[str]:
    config = measured[0].about["config"]
    split = {"train": tr("training"), "validation": tr("validation")}[config["split"]]
    epochs = {
        m.model: m.about["epoch"] + 1 if m.about["epoch"] is not None else 0 for m in measured
    }
    return [
        tr(
            "Mean loss of at most {images:,} {split} images, in eval mode, at the best weights (+) "
            "plus α and β times random, filter-normalised directions (Li et al. 2018; seed "
            "{seed}). Each model's chosen run, after epoch {epochs}. Two directions do not show "
            "the whole space.",
            images=config["images"],
            split=split,
            seed=config["seed"],
            epochs=tr(", ").join(
                tr("{name} ({detail})", name=epoch, detail=model) for model, epoch in epochs.items()
            ),
        ),
        about_statistics(config, (part.statistics for part in measured)),
    ]
