"""The spectrum of the Hessian at trained weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pj2.exhibits import style
from pj2.exhibits.measured import read_curvature
from pj2.language import said, tr
from pj2.runs.reading import PathLike
from pj2.wording import named

_WEIGHTS = {"best": said("best weights"), "last": said("last weights")}
_LEAST = 1e-9  # of the density; what is below is the far tail of a smoothing bump


@style.styled
def plot_curvature(paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw the spectral density of each model at its best and last weights, eigenvalues marked."""
    measured = [part for path in paths for part in read_curvature(path)]
    colours = style.colours(str(part["about"]["model"]) for part in measured)
    which = list(dict.fromkeys(str(part["about"]["weights"]) for part in measured))
    figure = style.new_figure(3.7)
    panels = figure.subplots(1, len(which), squeeze=False, sharey=True, sharex=True)[0]
    for part in measured:
        panel = panels[which.index(part["about"]["weights"])]
        colour, largest = colours[part["about"]["model"]], part["largest"]
        density = np.asarray(part["density"])
        panel.plot(
            part["grid"], np.where(density > _LEAST, density, np.nan), color=colour, linewidth=1.0
        )
        panel.plot(
            largest, np.full(len(largest), 0.02), "|", color=colour, markersize=9,
            transform=panel.get_xaxis_transform(),
        )  # fmt: skip
    for panel, weights in zip(panels, which, strict=True):
        panel.set(title=tr(_WEIGHTS[weights]), xlabel=tr("eigenvalue λ"), yscale="log")
        panel.set_xscale("symlog", linthresh=1)
        for axis in (panel.xaxis, panel.yaxis):
            style.powers_of_ten(axis)
    panels[0].set_ylabel(tr("spectral density"))
    style.heading(figure, tr("Curvature of the loss"), style.model_handles(colours))
    style.note(figure, _small_print(measured[0]["about"]["config"]), _not_finite(measured))
    style.save(figure, stem)


def _small_print(config: dict[str, Any]) -> str:
    return tr(
        "Hessian of the mean cross-entropy over at most {images:,} training images, all "
        "parameters, eval mode, fp32. Density by stochastic Lanczos quadrature (Papyan 2020), "
        "{steps} steps, smoothed: the width of the middle is the smoothing's; ticks: the largest "
        "eigenvalues ({eigenvalues}). Such numbers depend on the scale of the weights: BatchNorm "
        "makes a network blind to the scale of the weights before it, so that shrinking them "
        "raises the curvature and changes nothing that the network computes (Dinh et al. 2017). "
        "Compare models with that in mind.",
        images=config["images"],
        steps=config["lanczos_steps"],
        eigenvalues=config["eigenvalues"],
    )


def _not_finite(parts: Sequence[Mapping[str, Any]]) -> str:
    """Name the weights that have no curvature; nothing if there are none."""
    missing = [
        (part["about"]["model"], part["about"]["weights"]) for part in parts if not part["grid"]
    ]
    names = [
        tr("{name} ({detail})", name=model, detail=tr(_WEIGHTS[weights]))
        for model, weights in missing
    ]
    if not names:
        return ""
    return tr("No curvature where the loss is flat or not finite: {models}.", models=named(names))
