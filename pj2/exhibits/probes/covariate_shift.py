"""The gradient of each layer, and how far an update of the layers before it turns it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pj2.errors import UserError
from pj2.exhibits import style
from pj2.exhibits.probes.numbers import layers, records
from pj2.language import tr
from pj2.runs.reading import PathLike, load_runs

_QUARTILES = np.array([0.25, 0.5, 0.75])


@style.styled
def plot_covariate_shift(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw, layer by layer, medians and quartiles over the probed steps of each model.

    A row of panels is a learning rate; the first seed is drawn. Raises
    UserError if no run measured covariate shift.
    """
    runs = [run for run in load_runs(index_paths) if records(run, "covariate_shift")]
    if not runs:
        raise UserError("no covariate shift to show: no probe here has covariate_shift: true")
    seed = runs[0].seed
    first = [run for run in runs if run.seed == seed]
    labels = {
        "gradient_norm": "‖G‖₂",
        "relative": "‖G − G'‖₂ / ‖G‖₂",
        "cosine": tr("cosine of G and G'"),
    }
    rates = list(dict.fromkeys(run.lr for run in first))
    colours = style.colours(run.model for run in first)
    figure = style.new_figure(1.4 + 2.2 * len(rates))
    grid = figure.subplots(len(rates), len(labels), squeeze=False, sharex=True)
    for run in first:
        shift = layers(run)
        for panel, (column, label) in zip(grid[rates.index(run.lr)], labels.items(), strict=True):
            shown = shift if column == "gradient_norm" else shift[shift["depth"] > 0]
            quartiles = shown.groupby("depth")[column].quantile(_QUARTILES).unstack()
            colour = colours[run.model]
            panel.fill_between(
                quartiles.index + 1, quartiles[0.25], quartiles[0.75],
                color=colour, alpha=0.25, linewidth=0,
            )  # fmt: skip
            panel.plot(quartiles.index + 1, quartiles[0.5], color=colour, marker=".")
            rate = tr("lr {lr}", lr=run.lr)
            panel.set_ylabel(f"{rate}\n{label}" if column == "gradient_norm" else label)
    for norm, relative, cosine in grid:
        style.log_scale(norm)
        style.log_scale(relative)
        cosine.set_ylim(min(-0.05, cosine.get_ylim()[0]), 1.05)
    for panel in grid[-1]:
        panel.set_xlabel(tr("layer, from the input"))
        panel.xaxis.get_major_locator().set_params(integer=True)
    handles = style.model_handles(colours, marker=".")
    style.heading(figure, tr("Gradients and internal covariate shift, by layer"), handles)
    probe = runs[0].info["settings"]["probe"]
    style.note(
        figure,
        tr(
            "G: a layer's gradient; G': after the step updated all layers that feed it, on the "
            "same minibatch (Santurkar et al. 2018, definition 2.1). The first layer has no G'. "
            "Lines: medians over the probed steps, every {every}; shaded: quartiles. Seed {seed}.",
            every=probe["every"], seed=seed,
        ),
    )  # fmt: skip
    style.save(figure, stem)
