"""The spectrum of the Hessian at trained weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pj2.exhibits import style
from pj2.exhibits.curvature.density import common_width, density, fault
from pj2.exhibits.measured import STATISTICS, Curvature, about_statistics, read_curvature
from pj2.language import said, tr
from pj2.runs.reading import PathLike
from pj2.wording import named

_WEIGHTS = {
    "best": said("best weights"),
    "last": said("last weights"),
    "initial": said("initial weights"),
}
_SHARE = 0.01  # of a single eigenvalue's density; lower values are tails of the smoothing


@style.styled
def plot_curvature(paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw each model's spectral density: a row per kind of weights, a column per statistics."""
    measured = [part for path in paths for part in read_curvature(path)]
    colours = style.colours(str(part["about"]["model"]) for part in measured)
    shown = {part["about"]["weights"] for part in measured}
    rows = [weights for weights in _WEIGHTS if weights in shown]
    kinds = {part["statistics"] for part in measured}
    columns = [kind for kind in STATISTICS if kind in kinds] or ["none"]
    figure = style.new_figure(1.4 + 2.1 * len(rows))
    panels = figure.subplots(len(rows), len(columns), squeeze=False, sharey=True, sharex=True)
    spectra = [part for part in measured if part["nodes"]]
    width = common_width(spectra) if spectra else 1.0
    faults = []
    for part in spectra:
        grid, values = density(part, width)
        why = fault(part, width, grid, values)
        if why:
            faults.append(tr("No density of {name}: {why}.", name=_name(part), why=why))
        for panel, kind in zip(panels[rows.index(part["about"]["weights"])], columns, strict=True):
            if part["statistics"] in (kind, "none"):
                colour = colours[part["about"]["model"]]
                _draw(panel, part, None if why else (grid, values), width, colour)
    for row, weights in zip(panels, rows, strict=True):
        row[0].set_ylabel(tr("spectral density"))
        for panel, kind in zip(row, columns, strict=True):
            name = tr(_WEIGHTS[weights])
            if kind in STATISTICS:
                name = tr("{name}, {statistics}", name=name, statistics=tr(STATISTICS[kind]))
            panel.set(title=name, yscale="log")
            panel.set_xscale("symlog", linthresh=10 ** np.ceil(np.log10(width)))
            for axis in (panel.xaxis, panel.yaxis):
                style.powers_of_ten(axis)
    for panel in panels[-1]:
        panel.set_xlabel(tr("eigenvalue λ"))
    style.heading(figure, tr("Curvature of the loss"), style.model_handles(colours))
    config = measured[0]["about"]["config"]
    style.note(
        figure, _small_print(config, width), about_statistics(config, kinds), *faults,
        _not_finite(measured),
    )  # fmt: skip
    style.save(figure, stem)


def _draw(
    panel: Axes,
    part: Curvature,
    curve: tuple[np.ndarray, np.ndarray] | None,
    width: float,
    colour: str,
) -> None:
    """Draw a density, if given, down to a hundredth of one eigenvalue's; ticks mark eigenvalues."""
    if curve:
        least = _SHARE / (part["parameters"] * width * np.sqrt(2 * np.pi))
        grid, values = curve
        panel.plot(grid, np.where(values > least, values, np.nan), color=colour, linewidth=1.0)
    panel.plot(
        part["largest"], np.full(len(part["largest"]), 0.02), "|", color=colour, markersize=9,
        transform=panel.get_xaxis_transform(),
    )  # fmt: skip


def _name(part: Curvature) -> str:
    about = part["about"]
    details = [_WEIGHTS[about["weights"]]]
    if part["statistics"] in STATISTICS:
        details.append(STATISTICS[part["statistics"]])
    detail = tr(", ").join(tr(each) for each in details)
    return tr("{name} ({detail})", name=about["model"], detail=detail)


def _small_print(config: dict[str, Any], width: float) -> str:
    return tr(
        "Hessian of the mean cross-entropy over at most {images:,} training images. Density: "
        "stochastic Lanczos quadrature ({vectors} vectors of {steps} steps), smoothed with "
        "standard deviation {width:.2g}. Ticks: the {eigenvalues} largest eigenvalues. All depend "
        "on the scale of the weights, which BatchNorm makes arbitrary.",
        images=config["images"],
        vectors=config["vectors"],
        steps=config["lanczos_steps"],
        width=width,
        eigenvalues=config["eigenvalues"],
    )


def _not_finite(parts: Sequence[Curvature]) -> str:
    """Return a sentence that names the weights without a curvature; empty if there are none."""
    names = [_name(part) for part in parts if not part["nodes"]]
    if not names:
        return ""
    return tr("No curvature where the loss is flat or not finite: {models}.", models=named(names))
