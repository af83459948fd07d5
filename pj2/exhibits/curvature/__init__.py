"""The Hessian of the training loss at trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pj2.exhibits.declare import Figure, Table, Topic
from pj2.language import said

if TYPE_CHECKING:
    from pj2.config.schema import Experiment
    from pj2.config.study import Run


def has_curvature(experiment: Experiment, runs: Sequence[Run]) -> bool:
    """Of experiments that ask for curvature."""
    return experiment.curvature is not None


TOPIC = Topic(
    section="geometry",
    place=3,
    exhibits=(
        Figure(
            name="curvature",
            function="pj2.exhibits.curvature.figure:plot_curvature",
            title=said("Curvature"),
            summary="Spectral density of the Hessian, with its largest eigenvalues.",
            details=(
                "At the weights of each model's best run, by stochastic Lanczos quadrature. It "
                "depends on the scale of the weights."
            ),
            measured="curvature.json",
            exists=has_curvature,
            targets=("curvature",),
        ),
        Table(
            name="curvature",
            function="pj2.exhibits.curvature.table:curvature_table",
            title=said("Curvature in numbers"),
            summary="Eigenvalues and trace of the Hessian at trained weights.",
            measured="curvature.json",
            exists=has_curvature,
            targets=("curvature",),
        ),
    ),
)
